/// A kind of files in a cache directory, told by how their names end.
public enum CacheKind: String, Sendable, Hashable, CaseIterable {
  /// All directions of a weight (`formats/xsbases.md` §5).
  case basis
  /// The leading directions of a weight alone.
  case leading
  /// States of a teacher (`formats/tuning.md` §3).
  case states
  /// Second moments of a base (`formats/tuning.md` §5).
  case moments

  /// What people read.
  public var word: String {
    switch self {
    case .basis, .leading: "basis"
    case .states: "teacher"
    case .moments: "moments"
    }
  }

  /// The folder of the kind: a name, and a version that changes with the method and with the file.
  var folder: (name: String, version: Int) {
    switch self {
    case .basis, .leading: ("bases", 2)
    case .states: ("teacher", 1)
    case .moments: ("moments", 1)
    }
  }

  var suffix: String { "." + rawValue }

  /// Whether a folder of this name holds the kind, in whatever version.
  func lies(in folder: String) -> Bool {
    let prefix = self.folder.name + "-"
    let version = folder.utf8.dropFirst(prefix.utf8.count)
    return folder.utf8.starts(with: prefix.utf8) && !version.isEmpty
      && version.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }
}
