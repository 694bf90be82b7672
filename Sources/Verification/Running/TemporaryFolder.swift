import Faults
import Files
import Foundation

/// A folder for what a case makes.
enum TemporaryFolder {
  /// Runs `body` with an empty folder, which is removed afterwards.
  static func with<Result>(
    _ body: (_ path: String) throws(Fault) -> Result
  ) throws(Fault) -> Result {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("xspress-golden-\(UUID().uuidString)").path
    try Paths.makeDirectory(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
  }
}
