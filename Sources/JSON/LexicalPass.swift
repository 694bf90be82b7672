import Faults

/// Finds what json-c's tree cannot show, in one pass without recursion.
///
/// json-c keeps the last of duplicate keys, ends keys at an embedded NUL, clamps integers beyond
/// 64 bits and repairs lone surrogates. Each of these would give a reader another file than the one
/// written, so they are refused here, before the tree is built (`formats/safetensors.md` §3).
struct LexicalPass {
  private enum Expectation { case value, valueOrEnd, key, keyOrEnd, colon, commaOrEnd, end }

  private struct Frame {
    let isObject: Bool
    let start: Int
    var keyByteCount = 0
    var keys: Set<[UInt8]> = []
    var lastKey: [UInt8] = []
  }

  private let bytes: UnsafeBufferPointer<UInt8>
  private let limits: JSONLimits
  private var position = 0
  private var frames: [Frame] = []
  private var expectation = Expectation.value
  private var memory: MemoryEstimate
  /// Ends of the arrays and objects longer than a piece, by their start.
  private(set) var longContainers: [Int: Int] = [:]

  init(_ bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) {
    self.bytes = bytes
    self.limits = limits
    memory = MemoryEstimate(limit: limits.memoryByteCount)
  }

  mutating func run() throws(Fault) {
    if bytes.count >= 3, bytes[0] == 0xef, bytes[1] == 0xbb, bytes[2] == 0xbf {
      throw Fault(.badData, "JSON-BOM", "starts with a byte order mark")
    }
    if let offset = UTF8Validation.firstInvalidOffset(in: bytes) {
      throw Fault(.badData, "JSON-UTF8", "invalid UTF-8 at byte \(offset)")
    }
    while position < bytes.count {
      let byte = bytes[position]
      if byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
        position += 1
      } else {
        try token(byte)
      }
    }
    guard expectation == .end else {
      throw syntax(bytes.isEmpty ? "empty text" : "text ends early")
    }
  }

  private mutating func token(_ byte: UInt8) throws(Fault) {
    switch (expectation, byte) {
    case (.value, UInt8(ascii: "{")), (.valueOrEnd, UInt8(ascii: "{")):
      try open(isObject: true)
    case (.value, UInt8(ascii: "[")), (.valueOrEnd, UInt8(ascii: "[")):
      try open(isObject: false)
    case (.valueOrEnd, UInt8(ascii: "]")), (.keyOrEnd, UInt8(ascii: "}")):
      close()
    case (.commaOrEnd, UInt8(ascii: "]")) where frames.last?.isObject == false:
      close()
    case (.commaOrEnd, UInt8(ascii: "}")) where frames.last?.isObject == true:
      close()
    case (.commaOrEnd, UInt8(ascii: ",")):
      position += 1
      expectation = frames.last?.isObject == true ? .key : .value
    case (.colon, UInt8(ascii: ":")):
      position += 1
      expectation = .value
    case (.key, UInt8(ascii: "\"")), (.keyOrEnd, UInt8(ascii: "\"")):
      try key()
    case (.value, _), (.valueOrEnd, _):
      try scalar(byte)
      afterValue()
    default:
      throw syntax(expectation == .end ? "text after the value" : "unexpected character")
    }
  }

  private mutating func open(isObject: Bool) throws(Fault) {
    guard frames.count < limits.depth else {
      throw Fault(
        .badData, "JSON-DEPTH", "nested deeper than \(limits.depth) at byte \(position)")
    }
    try memory.addValue()
    try memory.addContainer()
    frames.append(Frame(isObject: isObject, start: position))
    position += 1
    expectation = isObject ? .keyOrEnd : .valueOrEnd
  }

  private mutating func close() {
    let frame = frames.removeLast()
    position += 1
    if frame.isObject {
      memory.endObject(keyCount: frame.keys.count, keyByteCount: frame.keyByteCount)
    }
    if position - frame.start > PieceBuilder.pieceByteCount {
      longContainers[frame.start] = position
    }
    afterValue()
  }

  private mutating func afterValue() { expectation = frames.isEmpty ? .end : .commaOrEnd }

  private mutating func key() throws(Fault) {
    let start = position
    let raw = try string()
    // Before it is held once more.
    guard frames.count > 1 || raw.content.count <= limits.keyByteCount else {
      throw Fault(
        .badData, "JSON-KEY",
        "key of \(raw.content.count) bytes at byte \(start), at most \(limits.keyByteCount)")
    }
    let key = raw.hasEscapes ? unescaped(raw.content) : Array(bytes[raw.content])
    let top = frames.count - 1
    frames[top].lastKey = key
    frames[top].keyByteCount += key.count
    try memory.addKey(length: key.count)
    if key.contains(0) {
      throw located(Fault(.badData, "JSON-NUL", "key with a NUL byte at byte \(start)"))
    }
    guard frames[top].keys.insert(key).inserted else {
      throw located(Fault(.badData, "JSON-DUP", "duplicate key at byte \(start)"))
    }
    guard frames[top].keys.count <= limits.memberCount else {
      throw Fault(
        .badData, "JSON-COUNT", "more than \(limits.memberCount) members in one object")
    }
    expectation = .colon
  }

  private mutating func scalar(_ byte: UInt8) throws(Fault) {
    try memory.addValue()
    switch byte {
    case UInt8(ascii: "\""): try memory.addString(length: try string().content.count)
    case UInt8(ascii: "t"): try word("true")
    case UInt8(ascii: "f"): try word("false")
    case UInt8(ascii: "n"): try word("null")
    default: try number()
    }
  }

  private mutating func word(_ text: StaticString) throws(Fault) {
    for offset in 0..<text.utf8CodeUnitCount {
      guard position + offset < bytes.count,
        bytes[position + offset] == text.utf8Start[offset]
      else { throw syntax("unknown word") }
    }
    position += text.utf8CodeUnitCount
  }

  /// RFC 8259 §6, and integers that neither Int64 nor UInt64 holds refused.
  private mutating func number() throws(Fault) {
    let start = position
    let isNegative = peek == UInt8(ascii: "-")
    if isNegative { position += 1 }
    let firstDigit = position
    skipDigits()
    let digits = position - firstDigit
    guard digits > 0 else { throw syntax("not a JSON value") }
    if digits > 1, bytes[firstDigit] == UInt8(ascii: "0") { throw syntax("number starts with 0") }
    var isInteger = true
    if peek == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      let from = position
      skipDigits()
      guard position > from else { throw syntax("no digit after the point") }
    }
    if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
      isInteger = false
      position += 1
      if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
      let from = position
      skipDigits()
      guard position > from else { throw syntax("no digit in the exponent") }
    }
    guard isInteger, digits >= 19, limits.refusesLargeIntegers else { return }
    let limit: UInt64 = isNegative ? 1 << 63 : .max
    guard let value = UInt64(String(decoding: bytes[firstDigit..<position], as: UTF8.self)),
      value <= limit
    else {
      throw located(
        Fault(
          .badData, "JSON-NUMBER", "integer of \(digits) digits beyond 64 bits at byte \(start)"))
    }
  }

  private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipDigits() {
    while position < bytes.count, bytes[position] &- UInt8(ascii: "0") < 10 { position += 1 }
  }

  /// Moves past a string; returns the range between its quotes.
  private mutating func string() throws(Fault) -> (content: Range<Int>, hasEscapes: Bool) {
    let start = position + 1
    var hasEscapes = false
    position = start
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        position += 1
        return (start..<position - 1, hasEscapes)
      }
      if byte == UInt8(ascii: "\\") {
        hasEscapes = true
        try escape()
      } else if byte < 0x20 {
        throw syntax("unescaped control character in a string")
      } else {
        position += 1
      }
    }
    throw syntax("string does not end")
  }

  private mutating func escape() throws(Fault) {
    guard position + 1 < bytes.count else { throw syntax("string does not end") }
    switch bytes[position + 1] {
    case UInt8(ascii: "u"):
      guard let unit = hexUnit(at: position + 2) else { throw syntax("bad \\u escape") }
      if (0xdc00...0xdfff).contains(unit) { throw syntax("lone surrogate") }
      if (0xd800...0xdbff).contains(unit) {
        guard position + 7 < bytes.count, bytes[position + 6] == UInt8(ascii: "\\"),
          bytes[position + 7] == UInt8(ascii: "u"), let low = hexUnit(at: position + 8),
          (0xdc00...0xdfff).contains(low)
        else { throw syntax("lone surrogate") }
        position += 12
      } else {
        position += 6
      }
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      position += 2
    default:
      throw syntax("unknown escape")
    }
  }

  private func hexUnit(at start: Int) -> UInt32? {
    guard start + 4 <= bytes.count else { return nil }
    var unit: UInt32 = 0
    for byte in bytes[start..<start + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      unit = unit << 4 | UInt32(digit)
    }
    return unit
  }

  /// The bytes of a string whose escapes have been checked.
  private func unescaped(_ range: Range<Int>) -> [UInt8] {
    var result: [UInt8] = []
    var index = range.lowerBound
    while index < range.upperBound {
      guard bytes[index] == UInt8(ascii: "\\") else {
        result.append(bytes[index])
        index += 1
        continue
      }
      let mark = bytes[index + 1]
      index += 2
      switch mark {
      case UInt8(ascii: "b"): result.append(0x08)
      case UInt8(ascii: "f"): result.append(0x0c)
      case UInt8(ascii: "n"): result.append(0x0a)
      case UInt8(ascii: "r"): result.append(0x0d)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "u"):
        var code = hexUnit(at: index) ?? 0xfffd
        index += 4
        if (0xd800...0xdbff).contains(code), let low = hexUnit(at: index + 2) {
          code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
          index += 6
        }
        if let scalar = Unicode.Scalar(code) {
          result.append(contentsOf: Array(String(scalar).utf8))
        }
      default: result.append(mark)
      }
    }
    return result
  }

  private func syntax(_ reason: String) -> Fault {
    located(Fault(.badData, "JSON-SYNTAX", "\(reason) at byte \(position)"))
  }

  /// The fault with the names of the enclosing members.
  private func located(_ fault: Fault) -> Fault {
    let names = frames.filter { $0.isObject && !$0.lastKey.isEmpty }
      .map { String(decoding: $0.lastKey.prefix(256), as: UTF8.self) }
    return names.isEmpty ? fault : fault.at(tensor: names.joined(separator: "."))
  }
}
