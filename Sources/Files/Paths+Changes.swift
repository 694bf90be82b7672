public import Faults
import Glibc

extension Paths {
  /// Renames `source` over `target` in one step.
  ///
  /// - Throws: what the system says, naming `target`.
  public static func rename(_ source: String, to target: String) throws(Fault) {
    guard Glibc.rename(source, target) == 0 else {
      throw Fault(.io, "IO-RENAME", Fault.text(errno: errno), path: target)
    }
  }

  /// Removes a file; nothing happens where there is none.
  public static func removeIfPresent(_ path: String) {
    _ = unlink(path)
  }
}
