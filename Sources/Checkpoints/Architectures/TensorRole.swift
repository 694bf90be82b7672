/// What a tensor of a model is for, whatever its file calls it.
public enum TensorRole: Sendable, Hashable {
  /// Token embeddings `[vocabulary, d]`.
  case embedding
  /// Learned positions `[context, d]`, and rows before them that no token has.
  case positions
  /// Embeddings of distances `[2·span, d]`, and the norm behind them.
  case relativePositions, relativeNorm
  /// The convolution that makes states of an image's patches `[d, channels, rows, columns]`.
  case patches
  /// The state before them `[1, 1, d]`, and what is added to all `[1, 1 + patches, d]`.
  case classToken, patchPositions
  /// What is added to the embeddings of a first and of a second text `[types, d]`.
  case tokenTypes
  /// The norm behind the sum of embeddings.
  case embeddingNorm
  /// The norm before the head.
  case finalNorm
  /// The output head `[vocabulary, d]`.
  case head
  /// The dense layer before ``classes`` `[d, d]`.
  case pooler
  /// The output of a head for classes `[classes, d]`.
  case classes
  case attentionNorm, attentionPostNorm, feedForwardNorm, feedForwardPostNorm
  /// Norms of queries and keys.
  case queryNorm, keyNorm
  /// What chooses a token's experts `[experts, d]`.
  case router
  /// The gate of the expert that all tokens go to `[1, d]`.
  case sharedGate
  /// A linear module of a block.
  case linear(LinearKind)

  /// Whether every block has its own.
  var isInBlock: Bool {
    switch self {
    case .embedding, .positions, .relativePositions, .relativeNorm, .tokenTypes, .embeddingNorm,
      .finalNorm, .head, .pooler, .classes, .patches, .classToken, .patchPositions:
      false
    default: true
    }
  }

  /// The expert it is of.
  var expert: Int? {
    if case .linear(.expert(let number, _)) = self { return number }
    return nil
  }

  /// The role that stands for it in a table of names: experts have their rows in common.
  var row: TensorRole {
    if case .linear(.expert(_, let part)) = self { return .linear(.expert(0, part)) }
    return self
  }
}
