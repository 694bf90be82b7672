extension LinearModule {
  /// Name of its weight in GGUF files of the llama family, such as `blk.0.attn_q.weight`.
  public var ggufWeightName: String? { LlamaNames.gguf(huggingFace: weightName) }

  /// The row order of its weight in GGUF files: queries and keys are interleaved head by head
  /// (`formats/gguf.md` §7.2), for others nil.
  public func ggufRowOrder(in configuration: DecoderConfiguration) -> HeadPermutation? {
    switch kind {
    case .query: HeadPermutation(rows: outFeatures, headCount: configuration.headCount)
    case .key: HeadPermutation(rows: outFeatures, headCount: configuration.keyValueHeadCount)
    default: nil
    }
  }
}
