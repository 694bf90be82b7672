/// What a linear module of a block does; what it is called is the family's matter (``TensorNames``).
public enum LinearKind: Sendable, Hashable {
  /// Queries, `[headCount · headDimension, d]`.
  case query
  /// Keys, `[keyValueHeadCount · headDimension, d]`.
  case key
  /// Values, `[keyValueHeadCount · headDimension, d]`.
  case value
  /// Queries, keys and values in one module.
  case queryKeyValue
  /// Attention output, `[d, headCount · headDimension]`.
  case output
  /// Feed-forward gate, `[feedForwardSize, d]`.
  case gate
  /// Feed-forward up, `[feedForwardSize, d]`.
  case up
  /// Gate and up in one module, `[2 · feedForwardSize, d]`.
  case gateUp
  /// Feed-forward down, `[d, feedForwardSize]`.
  case down
  /// A part of one of a block's experts, which are counted from zero.
  case expert(Int, ExpertPart)

  /// The linear modules of an expert.
  public enum ExpertPart: Sendable, Hashable, CaseIterable {
    case gate, up, down
  }
}
