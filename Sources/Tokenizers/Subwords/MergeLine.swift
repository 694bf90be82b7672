internal import Faults

/// A merge written as one string, `left right`.
enum MergeLine {
  /// The two parts: what lies before and after the first space that is not the first byte.
  static func split(
    _ line: [UInt8], index: Int
  ) throws(Fault) -> (left: [UInt8], right: [UInt8]) {
    guard let space = line.dropFirst().firstIndex(of: 0x20), space + 1 < line.count else {
      throw Fault(
        .badData, "TK-MERGE", "merge \(index), \"\(text(line))\", is not a pair")
    }
    return (Array(line[..<space]), Array(line[(space + 1)...]))
  }

  /// A token for a message.
  static func text(_ token: [UInt8]) -> String {
    Fault.escaped(String(decoding: token, as: UTF8.self), limit: 96)
  }
}
