internal import CKernels

/// Decodes whole blocks of one tensor type to Float32 (`formats/gguf.md` §5), bit-equal to gguf-py.
struct BlockDecoder: Sendable {
  typealias Source = UnsafePointer<UInt8>
  typealias Target = UnsafeMutablePointer<Float>

  private enum Kernel: Sendable {
    /// Blocks that hold all there is to know.
    case plain(@Sendable @convention(c) (Source?, Int, Target?) -> Void)
    /// Blocks of codes that choose rows of a grid.
    case grid(
      Grid, @Sendable @convention(c) (Source?, Int, UnsafePointer<UInt64>?, Target?) -> Void)
  }

  /// The type that is decoded.
  let type: GGUFTensorType
  private let kernel: Kernel

  /// The decoder for `type`, or nil where this version has none.
  init?(_ type: GGUFTensorType) {
    guard let kernel = Self.kernel(for: type) else { return nil }
    self.type = type
    self.kernel = kernel
  }

  /// Decodes `elements` values, a whole number of blocks.
  func decode(_ source: Source, into target: Target, elements: Int) {
    let blocks = elements / type.blockElements
    switch kernel {
    case .plain(let function): function(source, blocks, target)
    case .grid(let grid, let function):
      grid.rows.withUnsafeBufferPointer { function(source, blocks, $0.baseAddress, target) }
    }
  }

  private static func kernel(for type: GGUFTensorType) -> Kernel? {
    switch type {
    case .f32: .plain(decode_f32)
    case .f16: .plain(decode_f16)
    case .bf16: .plain(decode_bf16)
    case .f64: .plain(decode_f64)
    case .q4_0: .plain(decode_q4_0)
    case .q4_1: .plain(decode_q4_1)
    case .q5_0: .plain(decode_q5_0)
    case .q5_1: .plain(decode_q5_1)
    case .q8_0: .plain(decode_q8_0)
    case .q2_K: .plain(decode_q2_k)
    case .q3_K: .plain(decode_q3_k)
    case .q4_K: .plain(decode_q4_k)
    case .q5_K: .plain(decode_q5_k)
    case .q6_K: .plain(decode_q6_k)
    case .iq4_NL: .plain(decode_iq4_nl)
    case .iq4_XS: .plain(decode_iq4_xs)
    case .mxfp4: .plain(decode_mxfp4)
    case .nvfp4: .plain(decode_nvfp4)
    case .tq1_0: .plain(decode_tq1_0)
    case .tq2_0: .plain(decode_tq2_0)
    case .q1_0: .plain(decode_q1_0)
    case .q2_0: .plain(decode_q2_0)
    case .iq1_S: .grid(.iq1, decode_iq1_s)
    case .iq1_M: .grid(.iq1, decode_iq1_m)
    case .iq2_XXS: .grid(.iq2XXS, decode_iq2_xxs)
    case .iq2_XS: .grid(.iq2XS, decode_iq2_xs)
    case .iq2_S: .grid(.iq2S, decode_iq2_s)
    case .iq3_XXS: .grid(.iq3XXS, decode_iq3_xxs)
    case .iq3_S: .grid(.iq3S, decode_iq3_s)
    case .i8, .i16, .i32, .i64, .q8_1, .q8_K: nil
    }
  }
}
