public import Faults
import Files
import Glibc

/// A golden directory: the cases below it, in the order of their paths (`formats/golden.md` §1).
public struct GoldenDirectory: Sendable {
  /// The directory.
  public let path: String
  /// The names of its cases: paths below the directory, sorted by bytes.
  public let caseNames: [String]
  private static let depthLimit = 16

  /// Searches a directory.
  ///
  /// - Throws: 66 when it cannot be read, 65 `GV-EMPTY` when it holds no case.
  public init(_ path: String) throws(Fault) {
    self.path = path
    var names: [String] = []
    try GoldenDirectory.search(path, below: "", depth: 0, into: &names)
    guard !names.isEmpty else {
      throw Fault(.badData, "GV-EMPTY", "no folder below holds \(GoldenCase.fileName)", path: path)
    }
    caseNames = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// The folder of a case.
  public func folder(_ name: String) -> String { name == "." ? path : Paths.join(path, name) }

  private static func search(
    _ folder: String, below prefix: String, depth: Int, into names: inout [String]
  ) throws(Fault) {
    let entries = try Paths.entries(of: folder)
    if entries.contains(GoldenCase.fileName) { names.append(prefix.isEmpty ? "." : prefix) }
    guard depth < depthLimit else { return }
    for entry in entries where entry.utf8.first != UInt8(ascii: ".") {
      let path = Paths.join(folder, entry)
      // Links are not followed: a loop of links must not hang the search.
      guard isOwnDirectory(path) else { continue }
      let name = prefix.isEmpty ? entry : prefix + "/" + entry
      try search(path, below: name, depth: depth + 1, into: &names)
    }
  }

  private static func isOwnDirectory(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}
