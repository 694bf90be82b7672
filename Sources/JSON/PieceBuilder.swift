import Faults

/// Builds the values of a text that the lexical pass has accepted.
///
/// json-c takes some 900 bytes for an object of two, so it never gets more than a piece: the elements of a
/// long array or object in runs, each of which becomes values before the next is parsed.
struct PieceBuilder {
  /// The length of a run; only a single number or string can be longer.
  static let pieceByteCount = 64 << 10

  private let bytes: UnsafeBufferPointer<UInt8>
  private let longContainers: [Int: Int]
  private let depth: Int

  init(_ bytes: UnsafeBufferPointer<UInt8>, longContainers: [Int: Int], depth: Int) {
    self.bytes = bytes
    self.longContainers = longContainers
    self.depth = depth
  }

  /// The value of the whole text.
  func root() throws(Fault) -> JSONValue {
    let start = skippingBlanks(from: 0)
    if longContainers[start] != nil { return try container(at: start) }
    // A header may be padded with millions of blanks, over which json-c is slow.
    return try JSONCTree(
      UnsafeBufferPointer(rebasing: bytes[start..<end(ofValueAt: start)]), depth: depth
    ).value()
  }

  /// A long array or object; recursion is bounded by the depth that the lexical pass allowed.
  private func container(at start: Int) throws(Fault) -> JSONValue {
    let isObject = bytes[start] == UInt8(ascii: "{")
    var elements: [JSONValue] = []
    var members = JSONObject()
    var position = start + 1
    var run: Range<Int>?
    func finishRun() throws(Fault) {
      guard let range = run else { return }
      run = nil
      switch try piece(range, isObject: isObject) {
      case .array(let values): elements += values
      case .object(let object): members.append(object)
      default: throw Fault(.internalError, "JSON-SYNTAX", "a piece is no container")
      }
    }
    while true {
      position = skippingBlanks(from: position)
      if bytes[position] == UInt8(ascii: ",") { position = skippingBlanks(from: position + 1) }
      if bytes[position] == UInt8(ascii: isObject ? "}" : "]") { break }
      let first = position
      if isObject {
        // The colon and the blanks around it.
        position = skippingBlanks(from: end(ofStringAt: first))
        position = skippingBlanks(from: position + 1)
      }
      if let next = longContainers[position] {
        try finishRun()
        let value = try container(at: position)
        if isObject {
          let key = try piece(first..<end(ofStringAt: first), isObject: false)
          members.append(key.arrayValue?.first?.stringValue ?? "", value)
        } else {
          elements.append(value)
        }
        position = next
      } else {
        position = end(ofValueAt: position)
        run = (run?.lowerBound ?? first)..<position
        if let run, run.count >= PieceBuilder.pieceByteCount { try finishRun() }
      }
    }
    try finishRun()
    return isObject ? .object(members) : .array(elements)
  }

  private func piece(_ range: Range<Int>, isObject: Bool) throws(Fault) -> JSONValue {
    var text = [UInt8(ascii: isObject ? "{" : "[")]
    text.reserveCapacity(range.count + 2)
    text += bytes[range]
    text.append(UInt8(ascii: isObject ? "}" : "]"))
    var result: Result<JSONValue, Fault> = .success(.null)
    text.withUnsafeBufferPointer { buffer in
      do throws(Fault) {
        result = .success(try JSONCTree(buffer, depth: depth).value())
      } catch {
        result = .failure(error)
      }
    }
    return try result.get()
  }

  // MARK: - Places, in a text known to be right

  private func skippingBlanks(from start: Int) -> Int {
    var position = start
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0a, 0x0d, 0x09: position += 1
      default: return position
      }
    }
    return position
  }

  private func end(ofStringAt start: Int) -> Int {
    var position = start + 1
    while bytes[position] != UInt8(ascii: "\"") {
      position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
    }
    return position + 1
  }

  private func end(ofValueAt start: Int) -> Int {
    var position = start
    var open = 0
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""): position = end(ofStringAt: position)
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        open += 1
        position += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        // The end of what is around a number.
        if open == 0 { return position }
        open -= 1
        position += 1
      case UInt8(ascii: ","), 0x20, 0x0a, 0x0d, 0x09:
        if open == 0 { return position }
        position += 1
        continue
      default:
        position += 1
        continue
      }
      if open == 0 { return position }
    }
    return position
  }
}
