public import Faults

extension Checkpoint {
  /// Where the tokenizer is described.
  ///
  /// - Throws: 65 `TK-MISSING` where the checkpoint has none.
  public func tokenizerSource() throws(Fault) -> TokenizerSource {
    if let weights = source as? GGUFWeights, let vocabulary = try weights.vocabulary() {
      return .vocabulary(vocabulary)
    }
    if let weights = source as? SafeTensorsWeights,
      let path = weights.directory.existing("tokenizer.json")
    {
      return .tokenizerJSON(
        path: path, beginOfSequence: weights.configuration?.tokenID("bos_token_id"),
        endsOfSequence: weights.configuration?.tokenIDs("eos_token_id") ?? [])
    }
    throw Fault(.badData, "TK-MISSING", "the checkpoint has no tokenizer", path: path)
  }
}
