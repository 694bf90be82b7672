internal import Faults
internal import Files

extension GGUFWeights {
  /// The vocabulary in the metadata; nil where the file has none.
  func vocabulary() throws(Fault) -> TokenizerVocabulary? {
    do throws(Fault) {
      return try readVocabulary()
    } catch {
      throw error.at(path: files[0].file.path)
    }
  }

  private func readVocabulary() throws(Fault) -> TokenizerVocabulary? {
    let file = files[0]
    guard let model = try header.text("tokenizer.ggml.model") else { return nil }
    guard let tokens = try file.strings("tokenizer.ggml.tokens") else {
      throw Fault(.badData, "GG-META", "tokenizer.ggml.tokens is missing")
    }
    let types = try file.integers("tokenizer.ggml.token_type") ?? []
    guard types.isEmpty || types.count == tokens.count else {
      throw Fault(
        .badData, "GG-META",
        "tokenizer.ggml.token_type has \(types.count) entries for \(tokens.count) tokens")
    }
    let scores = try file.floats("tokenizer.ggml.scores") ?? []
    guard scores.isEmpty || scores.count == tokens.count else {
      throw Fault(
        .badData, "GG-META",
        "tokenizer.ggml.scores has \(scores.count) entries for \(tokens.count) tokens")
    }
    var vocabulary = TokenizerVocabulary(
      model: model, preTokenizer: try header.text("tokenizer.ggml.pre"), tokens: tokens,
      tokenTypes: types, merges: try file.strings("tokenizer.ggml.merges") ?? [],
      beginOfSequence: try tokenID("tokenizer.ggml.bos_token_id", count: tokens.count),
      endOfSequence: try tokenID("tokenizer.ggml.eos_token_id", count: tokens.count),
      addsBeginOfSequence: try header.bool("tokenizer.ggml.add_bos_token"),
      addsEndOfSequence: try header.bool("tokenizer.ggml.add_eos_token"), scores: scores,
      addsSpacePrefix: try header.bool("tokenizer.ggml.add_space_prefix"),
      unknown: try tokenID("tokenizer.ggml.unknown_token_id", count: tokens.count))
    // The key is spelled so.
    vocabulary.separator = try tokenID(
      "tokenizer.ggml.seperator_token_id", count: tokens.count)
    vocabulary.endOfTurn = try tokenID("tokenizer.ggml.eot_token_id", count: tokens.count)
    vocabulary.addsSeparator = try header.bool("tokenizer.ggml.add_sep_token")
    vocabulary.characterMap = try file.bytes("tokenizer.ggml.precompiled_charsmap") ?? []
    vocabulary.removesExtraSpaces = try header.bool("tokenizer.ggml.remove_extra_whitespaces")
    vocabulary.lowercases = try header.bool("tokenizer.ggml.normalizer.lowercase")
    vocabulary.stripsAccents = try header.bool("tokenizer.ggml.normalizer.strip_accents")
    vocabulary.architecture = try header.text("general.architecture")
    vocabulary.modelName = try header.text("general.name")
    return vocabulary
  }

  private func tokenID(_ key: String, count: Int) throws(Fault) -> Int32? {
    guard let value = try header.integer(key) else { return nil }
    guard value >= 0, value < count, let id = Int32(exactly: value) else {
      throw Fault(.badData, "GG-META", "\(key) is \(value) in a vocabulary of \(count)")
    }
    return id
  }
}
