/// The tensor types of GGUF: their ids, names and block sizes (`formats/gguf.md` §5).
///
/// A row is a whole number of blocks; a block holds ``blockElements`` values in ``blockBytes`` bytes.
enum GGUFTensorType: UInt32, Sendable, Hashable, CaseIterable {
  case f32 = 0
  case f16 = 1
  case q4_0 = 2
  case q4_1 = 3
  case q5_0 = 6
  case q5_1 = 7
  case q8_0 = 8
  case q8_1 = 9
  case q2_K = 10
  case q3_K = 11
  case q4_K = 12
  case q5_K = 13
  case q6_K = 14
  case q8_K = 15
  case iq2_XXS = 16
  case iq2_XS = 17
  case iq3_XXS = 18
  case iq1_S = 19
  case iq4_NL = 20
  case iq3_S = 21
  case iq2_S = 22
  case iq4_XS = 23
  case i8 = 24
  case i16 = 25
  case i32 = 26
  case i64 = 27
  case f64 = 28
  case iq1_M = 29
  case bf16 = 30
  case tq1_0 = 34
  case tq2_0 = 35
  case mxfp4 = 39
  case nvfp4 = 40
  case q1_0 = 41
  case q2_0 = 42

  /// Ids that older files used and the format has since dropped.
  static let removed: Set<UInt32> = [4, 5, 31, 32, 33, 36, 37, 38]

  /// The name that GGUF tools print, such as `Q4_K`.
  var name: String {
    switch self {
    case .f32: "F32"
    case .f16: "F16"
    case .f64: "F64"
    case .bf16: "BF16"
    case .i8: "I8"
    case .i16: "I16"
    case .i32: "I32"
    case .i64: "I64"
    case .q4_0: "Q4_0"
    case .q4_1: "Q4_1"
    case .q5_0: "Q5_0"
    case .q5_1: "Q5_1"
    case .q8_0: "Q8_0"
    case .q8_1: "Q8_1"
    case .q2_K: "Q2_K"
    case .q3_K: "Q3_K"
    case .q4_K: "Q4_K"
    case .q5_K: "Q5_K"
    case .q6_K: "Q6_K"
    case .q8_K: "Q8_K"
    case .iq2_XXS: "IQ2_XXS"
    case .iq2_XS: "IQ2_XS"
    case .iq2_S: "IQ2_S"
    case .iq3_XXS: "IQ3_XXS"
    case .iq3_S: "IQ3_S"
    case .iq1_S: "IQ1_S"
    case .iq1_M: "IQ1_M"
    case .iq4_NL: "IQ4_NL"
    case .iq4_XS: "IQ4_XS"
    case .tq1_0: "TQ1_0"
    case .tq2_0: "TQ2_0"
    case .mxfp4: "MXFP4"
    case .nvfp4: "NVFP4"
    case .q1_0: "Q1_0"
    case .q2_0: "Q2_0"
    }
  }

  /// The type with this name.
  init?(name: String) {
    guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }

  /// Values in one block.
  var blockElements: Int {
    switch self {
    case .f32, .f16, .bf16, .f64, .i8, .i16, .i32, .i64: 1
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q8_1, .iq4_NL, .mxfp4: 32
    case .nvfp4, .q2_0: 64
    case .q1_0: 128
    default: 256
    }
  }

  /// Bytes of one block.
  var blockBytes: Int {
    switch self {
    case .i8: 1
    case .f16, .bf16, .i16: 2
    case .f32, .i32: 4
    case .f64, .i64: 8
    case .q4_0, .iq4_NL, .q1_0, .q2_0: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q8_0: 34
    case .q8_1, .nvfp4: 36
    case .q2_K: 84
    case .q3_K, .iq3_S: 110
    case .q4_K: 144
    case .q5_K: 176
    case .q6_K: 210
    case .q8_K: 292
    case .iq2_XXS, .tq2_0: 66
    case .iq2_XS: 74
    case .iq2_S: 82
    case .iq3_XXS: 98
    case .iq1_S: 50
    case .iq1_M: 56
    case .iq4_XS: 136
    case .tq1_0: 54
    case .mxfp4: 17
    }
  }
}
