import Faults
import Glibc

/// Paths that a shell pattern matches.
enum GlobPaths {
  private static let maximumMatches = 100_000

  /// The matches of `pattern` (`*`, `?`, `[…]`), sorted by their bytes.
  ///
  /// - Throws: 66 `MF-GLOB` when nothing matches, 65 beyond 100,000.
  static func matches(_ pattern: String) throws(Fault) -> [String] {
    var found = glob_t()
    defer { globfree(&found) }
    // GLOB_NOMATCH and GLOB_NOSPACE are all that can come back; without GLOB_ERR a folder that cannot
    // be read matches nothing.
    let status = glob(pattern, GLOB_NOSORT, nil, &found)
    guard status == 0 else {
      let reason = status == GLOB_NOSPACE ? "matches too much" : "matches nothing"
      throw Fault(.missingInput, "MF-GLOB", "glob \(pattern) \(reason)")
    }
    guard found.gl_pathc <= maximumMatches else {
      throw Fault(.badData, "MF-GLOB", "glob \(pattern) matches \(found.gl_pathc) paths")
    }
    return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(cString: $0) } }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
