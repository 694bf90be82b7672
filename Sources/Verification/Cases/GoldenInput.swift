import Faults
public import Files
import JSON

/// One input of a case: a file, or a folder of named files, with digests (`formats/golden.md` §3).
public struct GoldenInput: Sendable, Hashable {
  /// A file of a folder input.
  public struct Member: Sendable, Hashable {
    /// Its plain name.
    public let name: String
    /// What it must contain.
    public let digest: SHA256Digest
  }

  /// The relative path as written in the case.
  public let path: String
  /// The digest of a file input; nil for a folder.
  public let digest: SHA256Digest?
  /// The listed files of a folder input, in the order of the case.
  public let members: [Member]

  /// Reads `{"path", "sha256"}` or `{"path", "files": {name: sha256}}`.
  ///
  /// - Throws: 65 `GV-FIELD` for a missing or mistyped key, `GV-PATH` for a path that leaves the
  ///   folders it is looked for in.
  init(_ field: JSONField) throws(Fault) {
    path = try field["path"].string()
    guard GoldenInput.staysBelow(path) else {
      throw Fault(.badData, "GV-PATH", "\(field.path).path is not a relative path without ..")
    }
    if field["files"].isPresent {
      digest = nil
      var members: [Member] = []
      for (name, value) in try field["files"].fields() {
        guard Paths.isPlainFileName(name) else {
          throw Fault(.badData, "GV-PATH", "\(value.path) is not a plain file name")
        }
        members.append(Member(name: name, digest: try GoldenInput.digest(value)))
      }
      self.members = members
    } else {
      digest = try GoldenInput.digest(field["sha256"])
      members = []
    }
  }

  /// A digest in lower-case hex.
  static func digest(_ field: JSONField) throws(Fault) -> SHA256Digest {
    guard let digest = SHA256Digest(hex: try field.string()) else {
      throw field.fault("expected 64 lower-case hex digits")
    }
    return digest
  }

  /// Whether a path is relative and never climbs.
  static func staysBelow(_ path: String) -> Bool {
    guard !path.isEmpty, path.utf8.count <= 4096, path.utf8.first != UInt8(ascii: "/") else {
      return false
    }
    return path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .allSatisfy { part in
        !part.isEmpty && !part.elementsEqual("..".utf8) && part.allSatisfy { $0 >= 0x20 }
      }
  }
}
