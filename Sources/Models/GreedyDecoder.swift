public import Faults

/// Greedy decoding of one sequence with a key-value cache.
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
    let sequence = try CachedDecoder(decoder, prompts: [prompt], limit: limit)
    var completion: [Int32] = []
    var hidden = sequence.hidden
    while let token = decoder.head.scores(hidden, targets: [0]).predictions.last {
      completion.append(token)
      if completion.count == limit || token == stop { break }
      hidden = try sequence.feed([token], to: [0])
    }
    return completion
  }
}
