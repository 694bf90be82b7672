/// What a tensor of a decoder is for, whatever its file calls it.
public enum TensorRole: Sendable, Hashable {
  /// Token embeddings `[vocabulary, d]`.
  case embedding
  /// Learned positions `[context, d]`.
  case positions
  /// The norm before the head.
  case finalNorm
  /// The output head `[vocabulary, d]`.
  case head
  case attentionNorm, attentionPostNorm, feedForwardNorm, feedForwardPostNorm
  /// Norms of queries and keys.
  case queryNorm, keyNorm
  /// A linear module of a block.
  case linear(LinearKind)

  /// Whether every block has its own.
  var isInBlock: Bool {
    switch self {
    case .embedding, .positions, .finalNorm, .head: false
    default: true
    }
  }
}
