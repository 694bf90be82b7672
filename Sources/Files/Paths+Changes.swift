public import Faults
import Glibc

extension Paths {
  /// Renames `source` over `target` in one step.
  ///
  /// - Throws: what the system says, naming `target`.
  public static func rename(_ source: String, to target: String) throws(Fault) {
    let status = SystemCalls.posix.rename(source, target)
    if status < 0 { throw Fault.cannotWrite(target, step: "rename into place", errno: -status) }
  }

  /// Sets the times of a file to now; nothing happens where there is none, or where it is not ours to change.
  static func touch(_ path: String) {
    _ = utimensat(AT_FDCWD, path, nil, 0)
  }

  /// Removes a file; nothing happens where there is none.
  public static func removeIfPresent(_ path: String) {
    _ = SystemCalls.posix.unlink(path)
  }
}
