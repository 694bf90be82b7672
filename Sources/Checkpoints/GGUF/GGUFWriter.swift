public import Faults
public import Files

/// Writes GGUF version 3 files, little-endian (`formats/gguf.md` §2, §11).
///
/// Entries and tensors keep the order in which they are added. A tensor's bytes are made when they are
/// written, so that a whole model passes through one tensor at a time.
public struct GGUFWriter: Sendable {
  /// Takes the next bytes of a tensor.
  public typealias Append = (_ bytes: [UInt8]) throws(Fault) -> Void

  /// A metadata value that is written.
  public enum Value: Sendable {
    /// An unsigned 32-bit integer.
    case u32(UInt32)
    /// A 32-bit float.
    case f32(Float)
    /// Text.
    case string(String)
  }

  private struct Tensor: Sendable {
    let name: String
    let type: GGUFTensorType
    let shape: [Int]
    let byteCount: Int
    let produce: @Sendable (Append) throws(Fault) -> Void
  }

  private var entries: [(key: String, value: [UInt8])] = []
  private var tensors: [Tensor] = []
  private var names: Set<[UInt8]> = []
  private let alignment: Int

  /// A writer; tensor data starts at multiples of 32.
  public init() { self.init(alignment: 32) }

  /// `alignment` is that of a `general.alignment` entry, a power of two.
  init(alignment: Int) { self.alignment = alignment }

  // MARK: - Metadata

  /// Sets `key`, in the place it has or at the end.
  public mutating func set(_ key: String, _ value: Value) {
    switch value {
    case .u32(let number): set(key, raw: little(GGUFValueType.u32.rawValue) + little(number))
    case .f32(let number):
      set(key, raw: little(GGUFValueType.f32.rawValue) + little(number.bitPattern))
    case .string(let text):
      set(key, raw: little(GGUFValueType.string.rawValue) + string(text))
    }
  }

  /// Sets `key` to a value type and value as they stand in a file.
  mutating func set(_ key: String, raw: [UInt8]) {
    if let index = entries.firstIndex(where: { $0.key.utf8.elementsEqual(key.utf8) }) {
      entries[index].value = raw
    } else {
      entries.append((key, raw))
    }
  }

  // MARK: - Tensors

  /// Adds Float32 values `[rows, columns]` (slowest first) stored as `type`.
  ///
  /// - Throws: 70 `GG-WRITE` for a name that repeats or is longer than 63 bytes, or a shape that overflows;
  ///   while writing, 65 `VAL-RANGE` for a value with no finite form in `type`.
  public mutating func add(
    _ name: String, type: GGUFFloatType, shape: [Int],
    floats: @escaping @Sendable () throws(Fault) -> [Float]
  ) throws(Fault) {
    let type = type.fitting(columns: shape.last ?? 1)
    try add(name, type: type.tensorType, shape: shape) { (append) throws(Fault) in
      try append(try BlockEncoder.bytes(try floats(), type, tensor: name))
    }
  }

  /// Adds a tensor whose stored bytes `produce` appends in pieces; throws as the form with floats.
  mutating func add(
    _ name: String, type: GGUFTensorType, shape: [Int],
    produce: @escaping @Sendable (Append) throws(Fault) -> Void
  ) throws(Fault) {
    var byteCount = type.blockBytes
    for (index, size) in shape.reversed().enumerated() {
      let (product, overflow) = byteCount.multipliedReportingOverflow(
        by: index == 0 ? size / type.blockElements : size)
      guard size >= 0, !overflow, index > 0 || size % type.blockElements == 0 else {
        throw Fault(
          .internalError, "GG-WRITE", "\(type.name) of shape \(shape) cannot be written",
          tensor: name)
      }
      byteCount = product
    }
    guard (1...GGUFHeaderParser.Limit.nameBytes).contains(name.utf8.count),
      (0...GGUFHeaderParser.Limit.dimensions).contains(shape.count),
      !names.contains(Array(name.utf8))
    else {
      throw Fault(
        .internalError, "GG-WRITE",
        "the name is repeated or not 1 to \(GGUFHeaderParser.Limit.nameBytes) bytes, or the shape "
          + "\(shape) not of 0 to \(GGUFHeaderParser.Limit.dimensions) dimensions", tensor: name)
    }
    names.insert(Array(name.utf8))
    tensors.append(
      Tensor(name: name, type: type, shape: shape, byteCount: byteCount, produce: produce))
  }

  // MARK: - Bytes

  /// Writes to a file, atomically, one tensor in memory at a time.
  @discardableResult
  public func write(to path: String) throws(Fault) -> AtomicFile.Written {
    let header = try header()
    var byteCount = header.count
    for tensor in tensors { byteCount = try sum(byteCount, try padded(tensor.byteCount)) }
    return try AtomicFile.write(path, expectedByteCount: byteCount) { (sink) throws(Fault) in
      try sink.append(header)
      for tensor in tensors {
        let start = sink.byteCount
        try tensor.produce { (bytes) throws(Fault) in try sink.append(bytes) }
        guard sink.byteCount - start == tensor.byteCount else {
          throw Fault(
            .internalError, "GG-WRITE",
            "\(sink.byteCount - start) bytes produced, shape \(tensor.shape) needs "
              + "\(tensor.byteCount)", tensor: tensor.name)
        }
        try sink.append(zeros(after: tensor.byteCount))
      }
    }
  }

  /// Everything before the data, padded.
  private func header() throws(Fault) -> [UInt8] {
    var out = Array("GGUF".utf8) + little(UInt32(3))
    out += little(UInt64(tensors.count)) + little(UInt64(entries.count))
    for entry in entries { out += string(entry.key) + entry.value }
    var offset = 0
    for tensor in tensors {
      out += string(tensor.name) + little(UInt32(tensor.shape.count))
      for size in tensor.shape.reversed() { out += little(UInt64(size)) }
      out += little(tensor.type.rawValue) + little(UInt64(offset))
      offset = try sum(offset, try padded(tensor.byteCount))
    }
    return out + zeros(after: out.count)
  }

  private func padded(_ count: Int) throws(Fault) -> Int {
    // Where this is no overflow, padding is none.
    _ = try sum(count, alignment)
    return GGUFHeaderParser.padded(count, to: alignment)
  }

  private func zeros(after count: Int) -> [UInt8] {
    let excess = count % alignment
    return [UInt8](repeating: 0, count: excess == 0 ? 0 : alignment - excess)
  }

  private func sum(_ left: Int, _ right: Int) throws(Fault) -> Int {
    let (sum, overflow) = left.addingReportingOverflow(right)
    guard !overflow else {
      throw Fault(.internalError, "GG-WRITE", "the file would exceed 2^63 bytes")
    }
    return sum
  }

  private func string(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + text.utf8 }

  private func little<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
}
