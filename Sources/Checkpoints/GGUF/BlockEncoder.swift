internal import Faults
internal import Tensors

/// Float32 values as the bytes of a GGUF tensor type, bit-equal to gguf-py (`formats/gguf.md` §11.4).
enum BlockEncoder {
  /// - Throws: 65 `VAL-RANGE` at a value that is not finite or has no finite form in `type`.
  static func bytes(
    _ values: [Float], _ type: GGUFFloatType, tensor: String
  ) throws(Fault) -> [UInt8] {
    switch type {
    case .f32: try ElementEncoding.bytes(values, .f32, tensor: tensor)
    case .f16: try ElementEncoding.bytes(values, .f16, tensor: tensor)
    case .bf16: try ElementEncoding.bytes(values, .bf16, tensor: tensor)
    case .q8_0: try q8_0(values, tensor: tensor)
    }
  }

  /// d = max|x| / 127 and q = round(x · (1/d)), halves away from zero, in Float32.
  ///
  /// d is stored in half precision. The caller gives whole blocks.
  private static func q8_0(_ values: [Float], tensor: String) throws(Fault) -> [UInt8] {
    if let index = FiniteCheck.firstNonFinite(values) {
      throw Fault(
        .badData, "VAL-RANGE", "element \(index) is \(values[index])", tensor: tensor)
    }
    let blocks = values.count / 32
    var overflow: Int?
    let bytes = [UInt8](unsafeUninitializedCapacity: blocks * 34) { out, initialized in
      for block in 0..<blocks {
        let first = 32 * block
        var largest: Float = 0
        for index in first..<first + 32 { largest = max(largest, abs(values[index])) }
        let scale = largest / 127
        // A scale so small that its inverse overflows is zero in half precision: so are the codes.
        let inverse = scale == 0 || !(1 / scale).isFinite ? 0 : 1 / scale
        let half = HalfPrecision.half(scale)
        if half & 0x7fff == 0x7c00, overflow == nil { overflow = first }
        out.initializeElement(at: 34 * block, to: UInt8(truncatingIfNeeded: half))
        out.initializeElement(at: 34 * block + 1, to: UInt8(truncatingIfNeeded: half >> 8))
        for index in 0..<32 {
          let code = (values[first + index] * inverse).rounded(.toNearestOrAwayFromZero)
          out.initializeElement(
            at: 34 * block + 2 + index, to: UInt8(bitPattern: Int8(min(max(code, -127), 127))))
        }
      }
      initialized = blocks * 34
    }
    if let overflow {
      throw Fault(
        .badData, "VAL-RANGE", "the block at element \(overflow) is beyond Q8_0", tensor: tensor)
    }
    return bytes
  }
}
