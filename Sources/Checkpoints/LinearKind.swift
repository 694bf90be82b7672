/// The seven linear modules of a llama block, in the order every file and report uses.
public enum LinearKind: String, Sendable, Hashable, CaseIterable, Comparable {
  /// Query projection, `[headCount · headDimension, hiddenSize]`.
  case query = "q_proj"
  /// Key projection, `[keyValueHeadCount · headDimension, hiddenSize]`.
  case key = "k_proj"
  /// Value projection, `[keyValueHeadCount · headDimension, hiddenSize]`.
  case value = "v_proj"
  /// Attention output projection, `[hiddenSize, headCount · headDimension]`.
  case output = "o_proj"
  /// Feed-forward gate, `[feedForwardSize, hiddenSize]`.
  case gate = "gate_proj"
  /// Feed-forward up projection, `[feedForwardSize, hiddenSize]`.
  case up = "up_proj"
  /// Feed-forward down projection, `[hiddenSize, feedForwardSize]`.
  case down = "down_proj"

  /// The block's submodule that holds it, `self_attn` or `mlp`.
  public var parent: String {
    switch self {
    case .query, .key, .value, .output: "self_attn"
    case .gate, .up, .down: "mlp"
    }
  }

  /// Position in the fixed order.
  public var order: Int { Self.allCases.firstIndex(of: self) ?? 0 }

  /// Whether `left` comes before `right` in the fixed order.
  public static func < (left: LinearKind, right: LinearKind) -> Bool { left.order < right.order }
}
