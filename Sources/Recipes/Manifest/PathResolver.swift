import Faults
import Files
import Glibc

/// Turns a path of a manifest into one that can be opened.
struct PathResolver {
  /// The manifest's folder.
  let directory: String
  /// The path of the adapter at hand, already resolved; nil where there is none.
  let adapter: String?

  /// `{adapter}` becomes the adapter's path; what is then relative starts from the manifest's folder.
  ///
  /// - Throws: 65 `MF-VALUE` for any other word in braces, and for this one where there is no adapter.
  func path(_ text: String, in fields: YAMLFields, _ key: String) throws(Fault) -> String {
    var out = ""
    var rest = text[...]
    var isResolved = false
    while let open = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
      guard rest[open...].hasPrefix("{adapter}") else {
        throw fields.refusal(
          key, "MF-VALUE", "\"\(text)\": {adapter} is the only word in braces that is known")
      }
      guard let adapter else {
        throw fields.refusal(key, "MF-VALUE", "\"\(text)\": there is no adapter")
      }
      if open == text.startIndex { isResolved = true }
      out += rest[..<open] + adapter
      rest = rest[open...].dropFirst("{adapter}".count)
    }
    out += rest
    return isResolved ? out : PathResolver.join(directory, out)
  }

  /// `path` from `directory`, with `folder/..` taken out where `folder` is no link.
  ///
  /// Only for the reader's eye: error lines and reports show these paths.
  static func join(_ directory: String, _ path: String) -> String {
    var rest = path[...]
    var base = directory
    while rest.hasPrefix("../") || rest.hasPrefix("./") {
      if rest.hasPrefix("../") {
        let name = Paths.name(of: base)
        var status = stat()
        guard !["", ".", "..", "/"].contains(name), lstat(base, &status) == 0,
          status.st_mode & S_IFMT == S_IFDIR
        else { break }
        base = Paths.parent(of: base)
      }
      rest = rest.drop { $0 != "/" }.drop { $0 == "/" }
    }
    return base == "." && !rest.hasPrefix("..") ? String(rest) : Paths.join(base, String(rest))
  }
}
