internal import Checkpoints
internal import Faults

/// The metadata of a GGUF file as steps (`formats/tokenizers.md` §1). What a file leaves out is as llama.cpp takes it.
extension TokenizerVocabulary {
  /// Kinds of tokens.
  private enum Kind {
    static let normal: Int32 = 1
    static let unknown: Int32 = 2
    static let control: Int32 = 3
    static let userDefined: Int32 = 4
    static let unused: Int32 = 5
    static let byte: Int32 = 6
  }

  func description() throws(Fault) -> TokenizerDescription {
    var description =
      switch VocabularyModel(rawValue: model) {
      case .gpt2: try bytePairs(PreTokenizerName(preTokenizer))
      case .gemma4: try bytePairs(PreTokenizerName("gemma4"))
      case .llama: try sentencePiece()
      case .t5: try unigram()
      case .bert: try wordPiece()
      case nil:
        throw Fault(
          .unsupported, "TK-MODEL",
          "tokenizer model \"\(Fault.escaped(model, limit: 64))\"; gpt2, llama, t5, bert and gemma4 are supported"
        )
      }
    description.added = added
    return description
  }

  /// Unknown, control and user-defined tokens are recognised in text.
  private var added: [AddedToken] {
    zip(tokenTypes, tokens).enumerated().compactMap { index, pair in
      guard (Kind.unknown...Kind.userDefined).contains(pair.0), let id = Int32(exactly: index)
      else { return nil }
      var token = AddedToken(id: id, content: pair.1)
      setStrips(&token)
      return token
    }
  }

  /// Which tokens take white space beside them: no file says so, only the model's name.
  private func setStrips(_ token: inout AddedToken) {
    func isText(_ text: String) -> Bool { token.content.elementsEqual(text.utf8) }
    let name = modelName?.lowercased() ?? ""
    if ["jina-v2-de", "jina-v2-es", "jina-v2-code"].contains(preTokenizer ?? "")
      || ["nomic-bert-moe", "jina-bert-v3"].contains(architecture ?? "")
    {
      token.stripsLeft = isText("<mask>")
    } else if name.contains("phi-3") || name.contains("phi3") {
      token.stripsRight = !["<unk>", "<s>", "<|endoftext|>"].contains(where: isText)
    } else if name.contains("modern-bert") {
      token.stripsLeft = isText("[MASK]")
    }
  }

  /// A stated id, or the usual one where the vocabulary has it.
  private func token(_ stated: Int32?, _ usual: Int32) -> Int32? {
    stated ?? (Int(usual) < tokens.count ? usual : nil)
  }

  /// What is put around texts.
  private func template(
    begins: Bool, _ begin: Int32?, ends: Bool, _ end: Int32?
  ) -> Template {
    Template(
      prefix: begins ? begin.map { [$0] } ?? [] : [], suffix: ends ? end.map { [$0] } ?? [] : [])
  }

  // MARK: - Models

  private func bytePairs(_ named: PreTokenizerName) throws(Fault) -> TokenizerDescription {
    var pairs: [(left: [UInt8], right: [UInt8])] = []
    pairs.reserveCapacity(merges.count)
    for (index, line) in merges.enumerated() {
      pairs.append(try MergeLine.split(line, index: index))
    }
    let options = BytePair.Options(
      isByteLevel: !named.isSpaced, takesWholeWords: named.takesWholeWords,
      fallsBackToBytes: named.isSpaced, unknown: named.isSpaced ? unknown : nil,
      fusesUnknown: named.isSpaced)
    var description = TokenizerDescription(
      tokens: tokens, splitter: named.steps, model: .bytePair(options, merges: pairs))
    if named.normalizesToNFC { description.normalizers = [.form(.nfc)] }
    if named.isSpaced {
      description.normalizers = [
        .replace(SplitPattern(literal: " "), with: SentencePieceRules.space)
      ]
      description.decoder = .spaced(space: SentencePieceRules.space, .never)
    } else {
      description.decoder = .byteLevel
    }
    description.beginOfSequence = beginOfSequence
    description.endOfSequence = endOfSequence
    if named.addsSeparator, let begin = beginOfSequence, let end = separator ?? endOfSequence {
      try checkPairs()
      description.template = .roberta(begin: begin, separator: end)
      return description
    }
    // Files of some families leave the key out and mean yes.
    description.template = template(
      begins: addsBeginOfSequence ?? named.addsBeginOfSequence, beginOfSequence,
      ends: addsEndOfSequence ?? false, endOfSequence)
    return description
  }

  /// Refuses to leave out what an encoder's texts are put between.
  private func checkPairs() throws(Fault) {
    guard addsBeginOfSequence == false || addsEndOfSequence == false else { return }
    throw Fault(
      .unsupported, "TK-UNSUPPORTED",
      "add_bos_token or add_eos_token is false, and texts of an encoder stand between these")
  }

  private func checkScores() throws(Fault) {
    guard scores.isEmpty || scores.count == tokens.count else {
      throw Fault(.badData, "TK-SCORE", "\(scores.count) scores for \(tokens.count) tokens")
    }
    if let index = scores.firstIndex(where: { !$0.isFinite }) {
      throw Fault(.badData, "TK-SCORE", "the score of token \(index) is not finite")
    }
  }

  /// Pieces that are joined by score.
  private func sentencePiece() throws(Fault) -> TokenizerDescription {
    try checkScores()
    let count = tokens.count
    let prepends = addsSpacePrefix ?? true
    var description = TokenizerDescription(
      tokens: tokens,
      model: .scoredPairs(
        scores: scores.isEmpty ? [Float](repeating: 0, count: count) : scores,
        unknown: token(unknown, 0)))
    let spaces = Normalizer.replace(
      SplitPattern(literal: " "), with: SentencePieceRules.space)
    description.normalizers = prepends ? [.prepend(SentencePieceRules.space), spaces] : [spaces]
    description.decoder = .spaced(
      space: SentencePieceRules.space, prepends ? .ofEveryPiece : .never)
    description.beginOfSequence = token(beginOfSequence, 1)
    description.endOfSequence = token(endOfSequence, 2)
    description.template = template(
      begins: addsBeginOfSequence ?? true, description.beginOfSequence,
      ends: addsEndOfSequence ?? false, description.endOfSequence)
    return description
  }

  /// Pieces whose likeliest row is taken.
  private func unigram() throws(Fault) -> TokenizerDescription {
    try checkScores()
    var parts = TokenizerDescription.UnigramParts(
      scores: (scores.isEmpty ? [Float](repeating: 0, count: tokens.count) : scores).map(
        Double.init), unknown: token(unknown, 2))
    for (index, type) in tokenTypes.enumerated() {
      let id = Int32(clamping: index)
      // What is cut out of text beforehand is likelier than anything.
      if type == Kind.userDefined { parts.scores[index] = 0 }
      if type != Kind.normal { parts.outOfBounds.insert(id) }
      if type != Kind.normal, type != Kind.userDefined, type != Kind.unused {
        parts.excluded.insert(id)
      }
    }
    let prepends = addsSpacePrefix ?? true
    let rules = SentencePieceRules(
      map: characterMap.isEmpty ? nil : try CharacterMap(characterMap), prepends: prepends,
      mergesSpaces: removesExtraSpaces ?? false)
    var description = TokenizerDescription(
      tokens: tokens, normalizers: [.sentencePiece(rules)], model: .unigram(parts))
    description.decoder = .spaced(
      space: SentencePieceRules.space, prepends ? .ofEveryPiece : .never)
    description.beginOfSequence = beginOfSequence
    description.endOfSequence = token(endOfSequence, 1)
    // XLM-RoBERTa's files of earlier converters say nothing of the separator, and put one between two texts.
    if addsSeparator ?? (architecture == "bert"), let begin = beginOfSequence,
      let end = separator ?? description.endOfSequence
    {
      try checkPairs()
      description.template = .roberta(begin: begin, separator: end)
      return description
    }
    description.template = template(
      begins: addsBeginOfSequence ?? false, beginOfSequence,
      ends: addsEndOfSequence ?? true, description.endOfSequence)
    return description
  }

  /// Pieces of words, which the file spells as SentencePiece would: `▁` begins a word, and nothing goes on with it.
  private func wordPiece() throws(Fault) -> TokenizerDescription {
    guard let begin = token(beginOfSequence, 101), let end = token(separator, 102),
      let unknown = token(unknown, 100)
    else {
      throw Fault(
        .badData, "TK-JSON",
        "a vocabulary of \(tokens.count) tokens without those for the beginning, the separator and what is unknown"
      )
    }
    var spelled: [[UInt8]?] = []
    for (index, token) in tokens.enumerated() {
      let isLiteral =
        tokenTypes.indices.contains(index)
        && (Kind.unknown...Kind.userDefined).contains(tokenTypes[index])
      let begins = token.starts(with: SentencePieceRules.space)
      spelled.append(
        isLiteral ? token : begins ? Array(token.dropFirst(3)) : Array("##".utf8) + token)
    }
    var description = TokenizerDescription(
      tokens: spelled,
      normalizers: [
        .bert(
          .init(stripsAccents: stripsAccents ?? lowercases ?? true, lowercases: lowercases ?? true))
      ],
      splitter: [.characters(.space, .removed), .characters(.punctuation, .isolated)],
      model: .wordPiece(prefix: Array("##".utf8), unknown: unknown, longestWord: .max))
    description.decoder = .wordPiece(prefix: Array("##".utf8), cleansUp: false)
    description.beginOfSequence = begin
    description.endOfSequence = end
    description.template = .bert(begin: begin, separator: end)
    return description
  }
}
