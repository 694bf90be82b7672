import Checkpoints
import Tensors

/// The element types of exports.
public enum ExportType: String, Sendable, CaseIterable {
  /// Float32.
  case f32
  /// IEEE half precision.
  case f16
  /// The upper half of a Float32.
  case bf16
  /// GGUF blocks of 32 bytes with one scale; `merged-gguf` only.
  case q8_0

  /// The type in safetensors; nil where it has none.
  var dtype: DType? {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .q8_0: nil
    }
  }

  /// The type in GGUF.
  var ggufType: GGUFFloatType {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .q8_0: .q8_0
    }
  }
}
