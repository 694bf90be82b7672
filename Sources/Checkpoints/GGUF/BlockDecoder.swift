internal import Tensors

/// Turns blocks of a GGUF tensor type into Float32 (`formats/gguf.md` §5).
///
/// Every value is computed in Float32 in the order the format states, without fused multiply-add, so
/// that results are bit-equal to the format's reference implementations.
struct BlockDecoder: Sendable {
  typealias Source = ElementDecoding.Source
  typealias Target = ElementDecoding.Target
  /// Decodes `blocks` blocks; both pointers must hold that many.
  typealias Kernel = @Sendable (_ source: Source, _ target: Target, _ blocks: Int) -> Void

  /// The type decoded.
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
    kernel(source, target, elements / type.blockElements)
  }

  private static func kernel(for type: GGUFTensorType) -> Kernel? {
    switch type {
    case .f32: ElementDecoding.f32
    case .f16: ElementDecoding.f16
    case .bf16: ElementDecoding.bf16
    case .f64: ElementDecoding.f64
    case .q4_0: q4_0
    case .q4_1: q4_1
    case .q5_0: q5_0
    case .q5_1: q5_1
    case .q8_0: q8_0
    case .q2_K: q2_K
    case .q3_K: q3_K
    case .q4_K: q4_K
    case .q5_K: q5_K
    case .q6_K: q6_K
    case .iq4_NL: iq4_NL
    case .iq4_XS: iq4_XS
    case .mxfp4: mxfp4
    case .nvfp4: nvfp4
    case .tq1_0: tq1_0
    case .tq2_0: tq2_0
    case .iq1_S: iq1_S
    case .iq1_M: iq1_M
    case .iq2_XXS: iq2_XXS
    case .iq2_XS: iq2_XS
    case .iq2_S: iq2_S
    case .iq3_XXS: iq3_XXS
    case .iq3_S: iq3_S
    case .q1_0: q1_0
    case .q2_0: q2_0
    case .i8, .i16, .i32, .i64, .q8_1, .q8_K: nil
    }
  }

  // MARK: - Loads

  /// The half-precision scale at byte `offset`, as Float32.
  @inline(__always)
  static func scale(_ source: Source, _ offset: Int) -> Float {
    HalfPrecision.float(half: load16(source, offset))
  }

  /// Little-endian 16 bits at byte `offset`, any alignment.
  @inline(__always)
  static func load16(_ source: Source, _ offset: Int) -> UInt16 {
    ElementDecoding.load(source, offset, UInt16.self)
  }

  /// Little-endian 32 bits at byte `offset`, any alignment.
  @inline(__always)
  static func load32(_ source: Source, _ offset: Int) -> UInt32 {
    ElementDecoding.load(source, offset, UInt32.self)
  }

  /// A byte below 2⁷ as Float32, by way of a signed integer because that conversion vectorises.
  @inline(__always)
  static func float(_ value: UInt8) -> Float { Float(Int32(truncatingIfNeeded: value)) }

  /// A small code minus its offset, as Float32.
  @inline(__always)
  static func float(_ value: UInt8, minus offset: Int32) -> Float {
    Float(Int32(truncatingIfNeeded: value) &- offset)
  }
}
