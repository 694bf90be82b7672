public import Faults

/// Greedy decoding with a key-value cache.
public final class GreedyDecoder {
  private let decoder: Decoder

  /// A decoder over `decoder`'s weights and updates.
  public init(_ decoder: Decoder) {
    self.decoder = decoder
  }

  /// Up to `limit` tokens after `prompt`, the lowest index on ties; stops after `stop` if it is given.
  ///
  /// An empty prompt gives an empty completion.
  ///
  /// - Throws: what reading a block throws, where the weights are streamed: for every token, all of them.
  public func complete(prompt: [Int32], limit: Int, stop: Int32? = nil) throws(Fault) -> [Int32] {
    guard !prompt.isEmpty, limit > 0 else { return [] }
    return try complete(prompts: [prompt], limits: [limit]) { $1.last == stop }[0]
  }

  /// Tokens after each of `prompts`, which are decoded together: until `ends` says of a prompt's place and its tokens that
  /// they are at their end, or there are as many as `limits` allow, at least one.
  ///
  /// A completion depends on its prompt, and by the last bits of products on the company it is in.
  ///
  /// - Throws: 65 `DATA-TOKENS` for an empty prompt; what reading a block throws, where the weights are streamed.
  public func complete(
    prompts: [[Int32]], limits: [Int], ends: (_ place: Int, _ tokens: [Int32]) -> Bool
  ) throws(Fault) -> [[Int32]] {
    let sequences = try CachedDecoder(decoder, prompts: prompts, limit: limits.max() ?? 1)
    return try sequences.write(
      limits: limits,
      next: { hidden, open in
        decoder.head.scores(hidden, targets: open.map { _ in 0 }).predictions
      }, ends: ends)
  }
}
