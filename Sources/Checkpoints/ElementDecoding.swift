internal import CKernels
import Tensors

/// Plain little-endian elements as Float32 (`formats/gguf.md` §5.1, `formats/safetensors.md` §6).
enum ElementDecoding {
  /// Whether a type holds real numbers.
  static func isFloating(_ dtype: DType) -> Bool {
    switch dtype {
    case .f16, .bf16, .f32, .f64: true
    default: false
    }
  }

  /// Decodes `count` elements of a floating type; `source` may be at any address.
  ///
  /// An F64 beyond the range of Float32 becomes infinity, which the caller refuses.
  static func decode(
    _ source: UnsafePointer<UInt8>, _ dtype: DType, into target: UnsafeMutablePointer<Float>,
    count: Int
  ) {
    switch dtype {
    case .f16: decode_f16(source, count, target)
    case .bf16: decode_bf16(source, count, target)
    case .f64: decode_f64(source, count, target)
    default: decode_f32(source, count, target)
    }
  }
}
