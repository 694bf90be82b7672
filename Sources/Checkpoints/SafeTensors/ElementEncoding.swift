import Faults
import Tensors

/// Float32 values as little-endian bytes of a stored type.
enum ElementEncoding {
  /// - Throws: 70 `ST-WRITE` for types other than F32, F16, BF16; 65 `VAL-RANGE` when a value that
  ///   is finite has no finite form in the stored type, or is not finite itself.
  static func bytes(
    _ values: [Float], _ dtype: DType, tensor: String
  ) throws(Fault) -> [UInt8] {
    if let index = FiniteCheck.firstNonFinite(values) {
      throw Fault(
        .badData, "VAL-RANGE", "element \(index) is \(values[index])", tensor: tensor)
    }
    let halves: [UInt16]
    switch dtype {
    case .f32: return values.withUnsafeBufferPointer { littleEndian($0) { $0.bitPattern } }
    case .f16: halves = values.map { HalfPrecision.half($0) }
    case .bf16: halves = values.map { HalfPrecision.brain($0) }
    default:
      throw Fault(
        .internalError, "ST-WRITE", "dtype \(dtype.rawValue) is not written", tensor: tensor)
    }
    let infinity: UInt16 = dtype == .f16 ? 0x7c00 : 0x7f80
    if let index = halves.firstIndex(where: { $0 & 0x7fff == infinity }) {
      throw Fault(
        .badData, "VAL-RANGE", "element \(index) = \(values[index]) is beyond \(dtype.rawValue)",
        tensor: tensor)
    }
    return halves.withUnsafeBufferPointer { littleEndian($0) { $0 } }
  }

  private static func littleEndian<Value, Bits: FixedWidthInteger>(
    _ values: UnsafeBufferPointer<Value>, _ bits: (Value) -> Bits
  ) -> [UInt8] {
    let size = MemoryLayout<Bits>.size
    return [UInt8](unsafeUninitializedCapacity: values.count * size) { out, initialized in
      let raw = UnsafeMutableRawBufferPointer(out)
      for (index, value) in values.enumerated() {
        raw.storeBytes(of: bits(value).littleEndian, toByteOffset: index * size, as: Bits.self)
      }
      initialized = values.count * size
    }
  }
}
