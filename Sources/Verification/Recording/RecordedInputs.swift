import Faults
import Files
import Foundation
import JSON

/// Inputs of recorded cases: where they lie as seen from the golden directory, and what they hold.
final class RecordedInputs {
  /// The folder that holds the golden directory: what lies below it is found again wherever both are moved.
  private let root: String
  private let directory: String
  private var known: [String: JSONValue] = [:]

  init(directory: String) {
    self.directory = directory
    root = Paths.parent(of: RecordedInputs.absolute(directory))
  }

  /// The input at `path`: a file, or a folder with all of its plain files.
  ///
  /// - Throws: 64 `GV-PLACE` where it lies elsewhere.
  func input(_ path: String) throws(Fault) -> JSONValue {
    if let found = known[path] { return found }
    let whole = RecordedInputs.absolute(path)
    guard whole.hasPrefix(root + "/") else {
      throw Fault(
        .usage, "GV-PLACE",
        "lies outside of \(root), where cases of this directory look; move or link it there",
        path: path)
    }
    let relative = String(whole.dropFirst(root.count + 1))
    guard Paths.kind(of: Paths.join(directory, relative)) == .missing else {
      throw Fault(
        .usage, "GV-PLACE",
        "cases would find another \(relative), in \(directory), before this one",
        path: path)
    }
    let found: JSONValue
    if Paths.kind(of: path) == .directory {
      var files: [(String, JSONValue)] = []
      for name in try Paths.entries(of: path).sorted() where !name.hasPrefix(".") {
        let file = Paths.join(path, name)
        guard Paths.kind(of: file) == .file else { continue }
        files.append((name, .string(try SHA256Digest.of(try InputFile(file)).hex)))
      }
      found = .object(["path": .string(relative), "files": .object(JSONObject(files))])
    } else {
      found = RecordedInputs.file(relative, try SHA256Digest.of(try InputFile(path)))
    }
    known[path] = found
    return found
  }

  /// A file input.
  static func file(_ path: String, _ digest: SHA256Digest) -> JSONValue {
    .object(["path": .string(path), "sha256": .string(digest.hex)])
  }

  /// The path from the root of the file system, `.` and `..` resolved by name.
  private static func absolute(_ path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.path
  }
}
