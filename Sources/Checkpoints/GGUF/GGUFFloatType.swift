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

  /// Endings of matrices that llama.cpp's operators take as F32 only: norms of heads, routers of experts,
  /// learned positions, token types.
  private static let plainMatrices = [
    "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_inp_shexp.weight", "position_embd.weight",
    "token_types.weight",
  ]

  /// The type that a model's tensor gets where this one is asked for: F32 for vectors, for what is no `.weight`
  /// and for a few matrices, as llama.cpp's converter does; it aborts on others (`formats/gguf.md` §11.4).
  func forModel(_ name: String, shape: [Int]) -> GGUFFloatType {
    if shape.count < 2 || !name.hasSuffix(".weight") { return .f32 }
    return Self.plainMatrices.contains(where: name.hasSuffix) ? .f32 : self
  }
}
