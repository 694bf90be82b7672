/// The tensor types that GGUF files are written with (`formats/gguf.md` §11).
public enum GGUFFloatType: String, Sendable, Hashable, CaseIterable {
  /// Float32, exact.
  case f32
  /// IEEE half precision.
  case f16
  /// The upper half of a Float32.
  case bf16
  /// Blocks of 32 signed bytes with one scale.
  case q8_0

  var tensorType: GGUFTensorType {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .q8_0: .q8_0
    }
  }

  /// What `general.file_type` says of a file whose weights are mostly of this type: ggml's numbers.
  var fileType: UInt32 {
    switch self {
    case .f32: 0
    case .f16: 1
    case .q8_0: 7
    case .bf16: 32
    }
  }

  /// The type used for rows of `columns` values: F16 where they are not whole blocks, as converters do.
  func fitting(columns: Int) -> GGUFFloatType {
    columns % tensorType.blockElements == 0 ? self : .f16
  }
}
