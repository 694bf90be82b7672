public import Faults
public import Files
import JSON
public import Tensors

/// Writes safetensors files byte for byte as the reference does: widest types first, then by name,
/// the header padded with spaces to a multiple of 8 (`formats/safetensors.md` §5).
public struct SafeTensorsWriter: Sendable {
  private struct Entry: Sendable {
    let name: String
    let dtype: DType
    let shape: [Int]
    let byteCount: Int
    let produce: @Sendable () throws(Fault) -> [UInt8]
  }

  private var entries: [Entry] = []
  private let metadata: [(key: String, value: String)]

  /// A writer; `metadata` keeps its order.
  public init(metadata: [(key: String, value: String)] = [(key: "format", value: "pt")]) {
    self.metadata = metadata
  }

  /// Adds a tensor whose little-endian bytes are made when they are written.
  ///
  /// - Throws: 70 `ST-WRITE` for an empty or repeated name, or a shape that overflows.
  public mutating func add(
    _ name: String, dtype: DType, shape: [Int],
    produce: @escaping @Sendable () throws(Fault) -> [UInt8]
  ) throws(Fault) {
    var byteCount = dtype.byteCount
    for dimension in shape {
      let (product, overflow) = byteCount.multipliedReportingOverflow(by: dimension)
      guard dimension >= 0, !overflow else {
        throw Fault(.internalError, "ST-WRITE", "shape \(shape) overflows", tensor: name)
      }
      byteCount = product
    }
    guard !name.isEmpty, name != "__metadata__",
      !entries.contains(where: { UTF8Key.equalBytes($0.name, name) })
    else {
      throw Fault(.internalError, "ST-WRITE", "name is empty, reserved or repeated", tensor: name)
    }
    entries.append(
      Entry(name: name, dtype: dtype, shape: shape, byteCount: byteCount, produce: produce))
  }

  /// Adds a tensor from its bytes.
  public mutating func add(
    _ name: String, dtype: DType, shape: [Int], bytes: [UInt8]
  ) throws(Fault) {
    try add(name, dtype: dtype, shape: shape) { bytes }
  }

  /// Adds Float32 values stored as F32, F16 or BF16, rounded to nearest even.
  ///
  /// - Throws: 70 `ST-WRITE` for other types; 65 `VAL-RANGE` when a value has no finite form.
  public mutating func add(
    _ name: String, dtype: DType = .f32, shape: [Int], floats: [Float]
  ) throws(Fault) {
    let bytes = try ElementEncoding.bytes(floats, dtype, tensor: name)
    try add(name, dtype: dtype, shape: shape, bytes: bytes)
  }

  /// Adds a matrix, `[rows, columns]`.
  public mutating func add(
    _ name: String, dtype: DType = .f32, matrix: Matrix<Float>
  ) throws(Fault) {
    try add(name, dtype: dtype, shape: [matrix.rows, matrix.columns], floats: matrix.elements)
  }

  /// Bytes of the whole file.
  public var byteCount: Int { header.count + entries.reduce(0) { $0 + $1.byteCount } }

  /// Writes to a file, atomically, one tensor in memory at a time.
  @discardableResult
  public func write(to path: String) throws(Fault) -> AtomicFile.Written {
    try AtomicFile.write(path, expectedByteCount: byteCount) { (sink) throws(Fault) in
      try emit { (bytes) throws(Fault) in try sink.append(bytes) }
    }
  }

  /// The whole file in memory.
  public func bytes() throws(Fault) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(byteCount)
    try emit { (bytes) throws(Fault) in out += bytes }
    return out
  }

  /// Calls `append` with the header and then each tensor's bytes, in file order.
  public func emit(to append: ([UInt8]) throws(Fault) -> Void) throws(Fault) {
    try append(header)
    for entry in sorted {
      let bytes = try entry.produce()
      guard bytes.count == entry.byteCount else {
        throw Fault(
          .internalError, "ST-WRITE",
          "\(bytes.count) bytes produced, shape \(entry.shape) needs \(entry.byteCount)",
          tensor: entry.name)
      }
      try append(bytes)
    }
  }

  private var sorted: [Entry] {
    entries.sorted {
      let (left, right) = (
        SafeTensorsDType.order(of: $0.dtype), SafeTensorsDType.order(of: $1.dtype)
      )
      return left != right
        ? left > right : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
    }
  }

  /// Length field and padded JSON text.
  private var header: [UInt8] {
    var root = JSONObject()
    if !metadata.isEmpty {
      root["__metadata__"] = .object(JSONObject(metadata.map { ($0.key, .string($0.value)) }))
    }
    var offset = 0
    for entry in sorted {
      root[entry.name] = [
        "dtype": .string(entry.dtype.rawValue), "shape": .array(entry.shape.map { .integer($0) }),
        "data_offsets": [.integer(offset), .integer(offset + entry.byteCount)],
      ]
      offset += entry.byteCount
    }
    var text = JSONValue.object(root).bytes()
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
  }
}
