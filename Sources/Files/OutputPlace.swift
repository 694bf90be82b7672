public import Faults
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

  /// Refuses an output folder that is an input, lies inside one or holds one, links followed.
  ///
  /// - Throws: 64 `OUT-IN`.
  public static func checkFolder(_ output: String, against inputs: [String]) throws(Fault) {
    try check(output, against: inputs)
    let place = resolved(output) + [UInt8(ascii: "/")]
    for input in inputs where resolved(input).starts(with: place) {
      throw Fault(.usage, "OUT-IN", "the input \(input) lies in the output", path: output)
    }
  }

  /// Refuses an output whose folder is not there or cannot be written to.
  ///
  /// - Throws: 73 `OUT-CREATE`.
  public static func checkFolder(of output: String) throws(Fault) {
    let folder = Paths.parent(of: output)
    guard Paths.kind(of: folder) == .directory else {
      throw Fault(.cannotCreate, "OUT-CREATE", "there is no folder \(folder)", path: output)
    }
    guard access(folder, W_OK) == 0 else {
      throw Fault(
        .cannotCreate, "OUT-CREATE", "the folder \(folder) cannot be written to", path: output)
    }
  }

  /// Refuses a directory that holds anything, unless it is an earlier output of the same kind, told by
  /// `marker`, or `force` is given.
  ///
  /// - Throws: 73 `OUT-EXISTS`.
  public static func checkDirectory(
    _ output: String, marker: String? = nil, force: Bool
  ) throws(Fault) {
    guard !force, Paths.kind(of: output) != .missing else { return }
    if Paths.kind(of: output) == .directory {
      let entries = try Paths.entries(of: output).filter {
        // What a run leaves that ended, or has only begun, before its first file was there.
        $0 != ".xspress.lock" && !AtomicFile.isTemporaryName($0)
      }
      if entries.isEmpty || marker.map(entries.contains) ?? false { return }
    }
    throw Fault(
      .cannotCreate, "OUT-EXISTS", "exists and is not an empty directory; --force writes into it",
      path: output)
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
