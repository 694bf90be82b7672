import Faults
import Files

/// Finds the inputs of cases and checks their digests, each file once (`formats/golden.md` §3).
final class InputResolver {
  private let roots: [String]
  private var digests: [String: SHA256Digest] = [:]

  /// A resolver for the cases of a golden directory.
  init(directory: String) {
    // `.` and `..` have no name to take away.
    let isDotted = [".", ".."].contains(Paths.name(of: directory))
    roots = [directory, isDotted ? Paths.join(directory, "..") : Paths.parent(of: directory)]
  }

  /// Where an input is, digests checked; nil when it is nowhere.
  ///
  /// - Throws: 65 `GV-DIGEST` when something else is there, 66 and 74 when it cannot be read.
  func locate(_ input: GoldenInput, folder: String) throws(Fault) -> String? {
    let candidates = ([folder] + roots).map { Paths.join($0, input.path) }
    guard let path = candidates.first(where: { Paths.kind(of: $0) != .missing }) else {
      return nil
    }
    try check(input, at: path)
    return path
  }

  /// Checks the digests of an input that lies at `path`.
  func check(_ input: GoldenInput, at path: String) throws(Fault) {
    if let digest = input.digest { try check(path, digest) }
    for member in input.members { try check(Paths.join(path, member.name), member.digest) }
  }

  private func check(_ path: String, _ expected: SHA256Digest) throws(Fault) {
    let found: SHA256Digest
    if let known = digests[path] {
      found = known
    } else {
      found = try SHA256Digest.of(try InputFile(path))
      digests[path] = found
    }
    guard found == expected else {
      throw Fault(
        .badData, "GV-DIGEST", "sha256 is \(found.hex), the case was made with \(expected.hex)",
        path: path)
    }
  }
}
