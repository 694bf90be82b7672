/// Writes GGUF files for tests, well-formed unless a test sets a field to something else.
public struct GGUFBuilder: Sendable {
  /// A metadata entry.
  public struct Entry: Sendable {
    /// Its bytes.
    public var key: [UInt8]
    /// The id of its value type.
    public var type: UInt32
    /// The value as it stands in the file.
    public var value: [UInt8]
  }

  /// A tensor and its place in the table.
  public struct Tensor: Sendable {
    /// Its bytes.
    public var name: [UInt8]
    /// Sizes, fastest first, as the file has them.
    public var sizes: [UInt64]
    /// The id of its type.
    public var type: UInt32
    /// Its bytes, without padding.
    public var data: [UInt8]
    /// The offset written; nil for the right one.
    public var offset: UInt64?
    /// The dimension count written; nil for the right one.
    public var dimensionCount: UInt32?
  }

  /// The first four bytes.
  public var magic = Array("GGUF".utf8)
  /// The version written.
  public var version: UInt32 = 3
  /// The number of entries written; nil for the right one.
  public var entryCount: UInt64?
  /// The number of tensors written; nil for the right one.
  public var tensorCount: UInt64?
  /// What offsets and data are padded to; the entry that says so is the test's.
  public var alignment = 32
  /// Metadata in order.
  public var entries: [Entry] = []
  /// Tensors in order.
  public var tensors: [Tensor] = []
  /// Bytes after the last tensor; nil for padding to the alignment.
  public var trailing: [UInt8]?

  /// An empty file of version 3.
  public init() {}

  // MARK: - Metadata

  /// Adds text.
  public mutating func add(_ key: String, string value: String) {
    entries.append(Entry(key: Array(key.utf8), type: 8, value: Self.string(Array(value.utf8))))
  }

  /// Adds an unsigned number.
  public mutating func add(_ key: String, u32 value: UInt32) {
    entries.append(Entry(key: Array(key.utf8), type: 4, value: Self.little(value)))
  }

  /// Adds a number.
  public mutating func add(_ key: String, f32 value: Float) {
    entries.append(Entry(key: Array(key.utf8), type: 6, value: Self.little(value.bitPattern)))
  }

  /// Adds a value of any type as it stands in the file.
  public mutating func add(_ key: String, raw type: UInt32, _ value: [UInt8]) {
    entries.append(Entry(key: Array(key.utf8), type: type, value: value))
  }

  /// Adds an array of text.
  public mutating func add(_ key: String, strings: [String]) {
    let elements = strings.flatMap { Self.string(Array($0.utf8)) }
    add(key, raw: 9, Self.little(UInt32(8)) + Self.little(UInt64(strings.count)) + elements)
  }

  /// Adds an array of signed numbers.
  public mutating func add(_ key: String, integers: [Int32]) {
    add(
      key, raw: 9,
      Self.little(UInt32(5)) + Self.little(UInt64(integers.count))
        + integers.flatMap { Self.little($0) })
  }

  /// Adds an array of numbers.
  public mutating func add(_ key: String, floats: [Float]) {
    add(
      key, raw: 9,
      Self.little(UInt32(6)) + Self.little(UInt64(floats.count))
        + floats.flatMap { Self.little($0.bitPattern) })
  }

  /// Replaces the value of `key`, or adds it.
  public mutating func set(_ key: String, _ change: (inout GGUFBuilder) -> Void) {
    entries.removeAll { $0.key == Array(key.utf8) }
    change(&self)
  }

  // MARK: - Tensors

  /// Adds an F32 tensor, slowest size first.
  public mutating func add(_ name: String, shape: [Int], floats: [Float]) {
    add(name, shape: shape, type: 0, data: floats.flatMap { Self.little($0.bitPattern) })
  }

  /// Adds a tensor of any type, slowest size first.
  public mutating func add(_ name: String, shape: [Int], type: UInt32, data: [UInt8]) {
    tensors.append(
      Tensor(
        name: Array(name.utf8), sizes: shape.reversed().map { UInt64($0) }, type: type, data: data))
  }

  // MARK: - Bytes

  /// The file.
  public func bytes() -> [UInt8] {
    var out = magic + Self.little(version)
    out += Self.little(tensorCount ?? UInt64(tensors.count))
    out += Self.little(entryCount ?? UInt64(entries.count))
    for entry in entries { out += Self.string(entry.key) + Self.little(entry.type) + entry.value }
    var running = 0
    for tensor in tensors {
      out += Self.string(tensor.name)
      out += Self.little(tensor.dimensionCount ?? UInt32(tensor.sizes.count))
      for size in tensor.sizes { out += Self.little(size) }
      out += Self.little(tensor.type) + Self.little(tensor.offset ?? UInt64(running))
      running += padded(tensor.data.count)
    }
    out += [UInt8](repeating: 0, count: padded(out.count) - out.count)
    for (index, tensor) in tensors.enumerated() {
      out += tensor.data
      let padding = [UInt8](repeating: 0, count: padded(tensor.data.count) - tensor.data.count)
      out += index == tensors.count - 1 ? trailing ?? padding : padding
    }
    return out
  }

  private func padded(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }

  /// A number as it stands in the file.
  public static func little<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  /// Text as it stands in the file.
  public static func string(_ bytes: [UInt8]) -> [UInt8] { little(UInt64(bytes.count)) + bytes }

  /// Metadata and one F32 tensor of shape [2, 4]: the smallest file worth damaging.
  public static func small() -> GGUFBuilder {
    var builder = GGUFBuilder()
    builder.add("general.architecture", string: "other")
    builder.add("other.flag", raw: 7, [1])
    builder.add("other.names", strings: ["a", "bc", ""])
    builder.add(
      "other.numbers", raw: 9, little(UInt32(5)) + little(UInt64(2)) + [1, 0, 0, 0, 2, 0, 0, 0])
    builder.add("first.weight", shape: [2, 4], floats: [1, 2, 3, 4, 5, 6, 7, 8])
    builder.add("second.weight", shape: [3], floats: [9, 10, 11])
    return builder
  }
}
