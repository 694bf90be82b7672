import Faults

/// The part of YAML a manifest may use, checked on the text before the parser sees it.
///
/// Anchors and aliases can make a short text exponentially large, tags can name any type, and deep
/// nesting costs the parser stack; none is needed in a manifest (`formats/manifest.md` §1). The check
/// knows nothing of quotes and comments, so that no quoting trick can hide anything from it; what it
/// wrongly refuses can be written differently.
enum YAMLSubset {
  private static let maximumLine = 4096
  private static let maximumDepth = 32

  /// - Throws: 65 `MF-YAML` naming the line.
  static func check(_ text: String) throws(Fault) {
    var depth = 0
    var number = 0
    for line in text.utf8.split(separator: 10, omittingEmptySubsequences: false) {
      number += 1
      func refusal(_ reason: String) -> Fault {
        Fault(.badData, "MF-YAML", "line \(number): \(reason)")
      }
      guard line.count <= maximumLine else {
        throw refusal("\(line.count) bytes, at most \(maximumLine)")
      }
      // `- - -`, `? ? ?` and indentation all nest.
      guard line.prefix(while: { " -?:\t".utf8.contains($0) }).count <= 2 * maximumDepth else {
        throw refusal("nested deeper than \(2 * maximumDepth) columns")
      }
      var before = space
      for (byte, after) in zip(line, line.dropFirst() + [space]) {
        if "[{".utf8.contains(byte) { depth += 1 }
        if "]}".utf8.contains(byte) { depth = max(depth - 1, 0) }
        guard depth <= maximumDepth else { throw refusal("nested deeper than \(maximumDepth)") }
        if "&*!".utf8.contains(byte), " \t\r[{,:-?".utf8.contains(before),
          !" \t\r]},".utf8.contains(after)
        {
          throw refusal(
            "anchors, aliases and tags are not used here: \"\(Character(Unicode.Scalar(byte)))\"")
        }
        before = byte
      }
    }
  }

  private static let space = UInt8(ascii: " ")
}
