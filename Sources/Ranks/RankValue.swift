package import Faults

/// What one rank can send to another, which is the same program on a machine of the same kind.
package protocol RankValue {
  /// Appends the value.
  func write(to bytes: inout RankBytes)
  /// Reads what ``write(to:)`` has appended.
  ///
  /// - Throws: 70 `RANK-MESSAGE` where the bytes are something else.
  init(from bytes: inout RankBytes) throws(Fault)
}

/// The bytes of a message, written at the end and read from the beginning.
package struct RankBytes: Sendable {
  /// All of them.
  package private(set) var bytes: [UInt8]
  private var position = 0

  /// A message to write into, or to read from.
  package init(_ bytes: [UInt8] = []) { self.bytes = bytes }

  /// Appends a value.
  package mutating func write(_ value: some RankValue) { value.write(to: &self) }

  /// Reads a value.
  package mutating func read<Value: RankValue>(
    _: Value.Type = Value.self
  ) throws(Fault) -> Value {
    try Value(from: &self)
  }

  /// Appends `bytes` as they are.
  mutating func append(_ raw: UnsafeRawBufferPointer) { bytes.append(contentsOf: raw) }

  /// The next `count` bytes.
  mutating func take(_ count: Int) throws(Fault) -> ArraySlice<UInt8> {
    guard count >= 0, count <= bytes.count - position else {
      throw Fault(
        .internalError, "RANK-MESSAGE",
        "a message of \(bytes.count) bytes ends before \(count) more at \(position)")
    }
    defer { position += count }
    return bytes[position..<position + count]
  }

  /// All that is left.
  mutating func rest() throws(Fault) -> ArraySlice<UInt8> { try take(bytes.count - position) }

  /// That nothing is left.
  func checkEnd() throws(Fault) {
    guard position == bytes.count else {
      throw Fault(
        .internalError, "RANK-MESSAGE", "\(bytes.count - position) bytes behind a message")
    }
  }
}

extension Int: RankValue {
  package func write(to bytes: inout RankBytes) {
    withUnsafeBytes(of: self) { bytes.append($0) }
  }

  package init(from bytes: inout RankBytes) throws(Fault) {
    self = try bytes.take(MemoryLayout<Int>.size).withUnsafeBytes { $0.loadUnaligned(as: Int.self) }
  }
}

extension Double: RankValue {
  package func write(to bytes: inout RankBytes) {
    Int(bitPattern: UInt(bitPattern)).write(to: &bytes)
  }

  package init(from bytes: inout RankBytes) throws(Fault) {
    self.init(bitPattern: UInt64(UInt(bitPattern: try Int(from: &bytes))))
  }
}

extension Bool: RankValue {
  package func write(to bytes: inout RankBytes) { (self ? 1 : 0).write(to: &bytes) }

  package init(from bytes: inout RankBytes) throws(Fault) { self = try Int(from: &bytes) != 0 }
}

extension String: RankValue {
  package func write(to bytes: inout RankBytes) {
    let text = Array(utf8)
    text.count.write(to: &bytes)
    text.withUnsafeBytes { bytes.append($0) }
  }

  package init(from bytes: inout RankBytes) throws(Fault) {
    self.init(decoding: try bytes.take(try Int(from: &bytes)), as: UTF8.self)
  }
}

extension Optional: RankValue where Wrapped: RankValue {
  package func write(to bytes: inout RankBytes) {
    (self != nil).write(to: &bytes)
    self?.write(to: &bytes)
  }

  package init(from bytes: inout RankBytes) throws(Fault) {
    self = try Bool(from: &bytes) ? try Wrapped(from: &bytes) : nil
  }
}

extension Array: RankValue where Element: RankValue {
  package func write(to bytes: inout RankBytes) {
    count.write(to: &bytes)
    for element in self { element.write(to: &bytes) }
  }

  package init(from bytes: inout RankBytes) throws(Fault) {
    self.init()
    for _ in 0..<Swift.max(try Int(from: &bytes), 0) { append(try Element(from: &bytes)) }
  }
}

extension RankBytes {
  /// Appends numbers in one piece.
  package mutating func write(_ numbers: [Float]) {
    write(numbers.count)
    numbers.withUnsafeBytes { append($0) }
  }

  /// Reads numbers that ``write(_:)-([Float])`` has appended.
  ///
  /// - Throws: 70 `RANK-MESSAGE`.
  package mutating func readNumbers() throws(Fault) -> [Float] {
    let count: Int = try read()
    let raw = try take(count > bytes.count ? count : 4 * count)
    return [Float](unsafeUninitializedCapacity: count) { numbers, filled in
      raw.withUnsafeBytes { UnsafeMutableRawBufferPointer(numbers).copyMemory(from: $0) }
      filled = count
    }
  }
}
