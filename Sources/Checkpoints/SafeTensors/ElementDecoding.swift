import Faults
import Tensors

/// Little-endian element bytes as Float32, and the search for values that are not finite.
enum ElementDecoding {
  /// Whether a type holds real numbers.
  static func isFloating(_ dtype: DType) -> Bool {
    switch dtype {
    case .f16, .bf16, .f32, .f64: true
    default: false
    }
  }

  /// The elements as Float32: exact for F16, BF16 and F32, rounded to nearest for F64.
  ///
  /// `bytes` may lie at any address; a valid file may put an F32 tensor at an odd offset.
  static func floats(_ bytes: UnsafeRawBufferPointer, _ dtype: DType) -> [Float] {
    let count = bytes.count / dtype.byteCount
    return [Float](unsafeUninitializedCapacity: count) { out, initialized in
      if let source = bytes.baseAddress, let target = out.baseAddress {
        switch dtype {
        case .f32:
          for index in 0..<count {
            target[index] = Float(
              bitPattern: source.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)
                .littleEndian)
          }
        case .bf16:
          for index in 0..<count {
            let bits = source.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
            target[index] = Float(bitPattern: UInt32(bits.littleEndian) << 16)
          }
        case .f16:
          for index in 0..<count {
            let bits = UInt32(
              source.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self).littleEndian)
            // Without branches, so that the loop runs in vectors: the half's exponent and fraction
            // read as a Float32 are too small by 2¹¹², which one exact product repairs, subnormals
            // included; the exponent of infinities and NaNs is then filled up.
            let scaled = Float(bitPattern: (bits & 0x7fff) << 13) * 0x1p112
            let special: UInt32 = (bits & 0x7c00) == 0x7c00 ? 0x7f80_0000 : 0
            target[index] = Float(
              bitPattern: scaled.bitPattern | special | (bits & 0x8000) << 16)
          }
        case .f64:
          for index in 0..<count {
            target[index] = Float(
              Double(
                bitPattern: source.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
                  .littleEndian))
          }
        default:
          for index in 0..<count { target[index] = 0 }
        }
      }
      initialized = count
    }
  }

  /// The index of the first NaN or infinity.
  static func firstNonFinite(_ values: [Float]) -> Int? {
    values.withUnsafeBufferPointer { buffer in
      var largest: UInt32 = 0
      for value in buffer { largest = max(largest, value.bitPattern & 0x7fff_ffff) }
      return largest < 0x7f80_0000 ? nil : buffer.firstIndex { !$0.isFinite }
    }
  }
}
