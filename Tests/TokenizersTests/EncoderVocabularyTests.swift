import Checkpoints
import Faults
import Files
import JSON
import TestSupport
import Testing
import Tokenizers

/// Vocabularies of encoders as GGUF metadata: what stands around two texts, and accents of cased ones (`formats/tokenizers.md` §1).
@Suite struct EncoderVocabularyTests {
  /// WordPiece of `e`, `é` and `E`.
  private func wordPiece(lowercases: Bool?, stripsAccents: Bool?) -> TokenizerVocabulary {
    let tokens = ["[UNK]", "[CLS]", "[SEP]", "\u{2581}e", "\u{2581}\u{e9}", "\u{2581}E"]
    var vocabulary = TokenizerVocabulary(
      model: "bert", preTokenizer: nil, tokens: tokens.map { Array($0.utf8) },
      tokenTypes: [3, 3, 3, 1, 1, 1], merges: [], beginOfSequence: 1, unknown: 0)
    vocabulary.separator = 2
    vocabulary.lowercases = lowercases
    vocabulary.stripsAccents = stripsAccents
    return vocabulary
  }

  /// Where nothing is said of accents they go with the case, as in llama.cpp and in BERT's own tokenizer.
  @Test(
    arguments: [
      (nil, nil, [3, 3, 3]), (true, nil, [3, 3, 3]), (false, nil, [3, 4, 5]),
      (false, true, [3, 3, 5]), (true, false, [3, 4, 3]),
    ] as [(Bool?, Bool?, [Int32])])
  func accentsGoWithTheCase(lowercases: Bool?, strips: Bool?, ids: [Int32]) throws {
    let tokenizer = try Tokenizer(
      vocabulary: wordPiece(lowercases: lowercases, stripsAccents: strips))
    #expect(tokenizer.encode("e \u{e9} E") == ids)
    let pair = tokenizer.encode("e", pairedWith: "e")
    #expect(pair.ids == [1, 3, 2, 3, 2] && pair.types == [0, 0, 0, 1, 1])
  }

  /// Unigram of `a` and `b`, with or without a word on the separator.
  private func unigram(_ architecture: String, separates: Bool?) -> TokenizerVocabulary {
    let tokens = ["<s>", "<pad>", "</s>", "<unk>", "\u{2581}a", "\u{2581}b"]
    var vocabulary = TokenizerVocabulary(
      model: "t5", preTokenizer: "default", tokens: tokens.map { Array($0.utf8) },
      tokenTypes: [3, 3, 3, 2, 1, 1], merges: [], beginOfSequence: 0, endOfSequence: 2,
      addsBeginOfSequence: true, addsEndOfSequence: true, scores: [0, 0, 0, 0, -1, -1], unknown: 3)
    vocabulary.architecture = architecture
    vocabulary.addsSeparator = separates
    return vocabulary
  }

  @Test(
    arguments: [
      ("bert", nil, true), ("bert", true, true), ("bert", false, false), ("t5", nil, false),
      ("t5", true, true),
    ] as [(String, Bool?, Bool)])
  func separatorsStandBetweenTwoTexts(
    architecture: String, stated: Bool?, separates: Bool
  ) throws {
    let tokenizer = try Tokenizer(vocabulary: unigram(architecture, separates: stated))
    #expect(tokenizer.encode("a", addSpecial: true) == [0, 4, 2])
    let pair = tokenizer.encode("a", pairedWith: "b")
    #expect(pair.ids == (separates ? [0, 4, 2, 2, 5, 2] : [0, 4, 5, 2]))
    #expect(pair.types.contains(1) == !separates)
  }

  /// A prompt goes on: it gets what stands in front of a text, and a text what stands behind it too.
  @Test func promptsHaveNoEnd() throws {
    let tokenizer = try Tokenizer(vocabulary: unigram("t5", separates: nil))
    #expect(tokenizer.encode(prompt: "a") == [0, 4])
    #expect(tokenizer.encode(prompt: "") == [0])
  }

  @Test func whatEndsATurnEndsAText() throws {
    var vocabulary = unigram("t5", separates: nil)
    #expect(try Tokenizer(vocabulary: vocabulary).ends == [2])
    vocabulary.endOfTurn = 1
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    #expect(tokenizer.ends == [1, 2] && tokenizer.endOfSequence == 2)
  }

  @Test(arguments: [(true, false), (false, true), (false, false)])
  func whatStandsAroundAnEncodersTextsIsNotLeftOut(begins: Bool, ends: Bool) {
    var vocabulary = unigram("bert", separates: nil)
    (vocabulary.addsBeginOfSequence, vocabulary.addsEndOfSequence) = (begins, ends)
    let found = fault { () throws(Fault) in try Tokenizer(vocabulary: vocabulary) }
    #expect(found?.code == "TK-UNSUPPORTED" && found?.exitCode == 69)
  }

  /// Written as `tokenizer.json`, two texts of RoBERTa have both separators and one type.
  @Test func separatorsSurviveAsTokenizerJSON() throws {
    let tokens = ["<s>", "<pad>", "</s>", "a", "b", "ab"]
    let vocabulary = TokenizerVocabulary(
      model: "gpt2", preTokenizer: "roberta-bpe", tokens: tokens.map { Array($0.utf8) },
      tokenTypes: [3, 3, 3, 1, 1, 1], merges: [Array("a b".utf8)], beginOfSequence: 0,
      endOfSequence: 2)
    let written = try HuggingFaceTokenizer(vocabulary, contextLength: 8).tokenizer
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "tokenizer.json")
      try AtomicFile.write(path, text: written.text())
      let pair = try Tokenizer(tokenizerJSON: path).encode("ab", pairedWith: "b")
      #expect(pair.ids == [0, 5, 2, 2, 4, 2] && !pair.types.contains(1))
      #expect(try pair == Tokenizer(vocabulary: vocabulary).encode("ab", pairedWith: "b"))
    }
  }
}
