/// The functions between the two halves of a feed-forward block.
public enum Activation: String, Sendable, Hashable, CaseIterable {
  /// x·σ(x), also called swish.
  case silu
  /// ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
  case geluTanh
  /// ½·x·(1 + erf(x/√2)).
  case gelu
  /// max(x, 0).
  case relu

  /// The names of `hidden_act` and its kin; the first is written.
  var huggingFaceNames: [String] {
    switch self {
    case .silu: ["silu", "swish"]
    case .geluTanh: ["gelu_pytorch_tanh", "gelu_new", "gelu_fast"]
    case .gelu: ["gelu"]
    case .relu: ["relu"]
    }
  }
}
