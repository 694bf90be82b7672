public import Faults
import Files
import Glibc

/// Whether a run may write where it is told to (`formats/manifest.md` §7).
public enum OutputPlace {
  /// Refuses an output that is an input or lies inside one, links followed.
  ///
  /// - Throws: 64 `OUT-IN`.
  public static func check(_ output: String, against inputs: [String]) throws(Fault) {
    let place = resolved(output)
    for input in inputs {
      let other = resolved(input)
      if place == other || place.starts(with: other + [UInt8(ascii: "/")]) {
        throw Fault(
          .usage, "OUT-IN",
          place == other ? "the output is the input \(input)" : "the output lies in \(input)",
          path: output)
      }
    }
  }

  /// The absolute path as bytes, links followed for the part of it that exists.
  private static func resolved(_ path: String) -> [UInt8] {
    if let real = realpath(path, nil) {
      defer { free(real) }
      return Array(String(cString: real).utf8)
    }
    let parent = Paths.parent(of: path)
    if parent == path { return Array(path.utf8) }
    let above = resolved(parent)
    return above + (above.last == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")])
      + Array(Paths.name(of: path).utf8)
  }
}
