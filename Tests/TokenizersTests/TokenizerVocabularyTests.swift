import Checkpoints
import Faults
import Files
import Foundation
import JSON
import TestSupport
import Testing
import Tokenizers

/// Vocabularies as GGUF metadata: what is refused, and merging on words of any length.
@Suite struct TokenizerVocabularyTests {
  /// The 26 letters, a space and a few merges.
  static func letters(
    merges: [String] = ["a b", "ab c", "b c"], extra: [String] = ["ab", "abc", "bc"]
  ) -> TokenizerVocabulary {
    let tokens = (UInt8(0x61)...0x7a).map { [$0] } + [Array("\u{120}".utf8)]
    return TokenizerVocabulary(
      model: "gpt2", preTokenizer: "gpt-2", tokens: tokens + extra.map { Array($0.utf8) },
      merges: merges.map { Array($0.utf8) })
  }

  @Test func mergesLowestRankFirst() throws {
    let tokenizer = try Tokenizer(vocabulary: Self.letters())
    #expect(tokenizer.encode("abc") == [28])
    #expect(tokenizer.encode("bcab") == [29, 27])
    #expect(tokenizer.encode("a bc") == [0, 26, 29])
    // "b c" comes after "a b": the left pair is taken first wherever it is.
    #expect(tokenizer.encode("xabcx") == [23, 28, 23])
  }

  /// As `tokenizer.json` and back: specials, what is put around a text, the template's text.
  @Test(arguments: ["gpt-2", "smollm", "llama-bpe", "qwen2"])
  func survivesAsTokenizerJSON(_ rule: String) throws {
    var vocabulary = Self.letters()
    vocabulary.preTokenizer = rule
    vocabulary.tokens += ["<s>", "</s>", "<user>"].map { Array($0.utf8) }
    vocabulary.tokenTypes = [Int32](repeating: 1, count: 30) + [3, 3, 4]
    (vocabulary.beginOfSequence, vocabulary.endOfSequence) = (30, 31)
    for (begins, ends) in [(false, false), (true, false), (true, true), (false, true)] {
      (vocabulary.addsBeginOfSequence, vocabulary.addsEndOfSequence) = (begins, ends)
      let files = try HuggingFaceTokenizer(
        vocabulary, roles: [("pad_token", 31), ("unk_token", 99)], chatTemplate: "{{ a }}",
        contextLength: 128)
      #expect(
        files.configuration == [
          "tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false,
          "model_max_length": 128, "bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>",
          "chat_template": "{{ a }}",
        ])
      let original = try Tokenizer(vocabulary: vocabulary)
      try withTemporaryDirectory { (folder) throws in
        let path = Paths.join(folder, "tokenizer.json")
        try AtomicFile.write(path, text: files.tokenizer.text())
        let found = try Tokenizer(tokenizerJSON: path)
        for text in ["", "abc bcab", "a<s>b</s> <user>abc", "x 12 y"] {
          for adds in [false, true] {
            #expect(
              found.encode(text, addSpecial: adds) == original.encode(text, addSpecial: adds))
          }
        }
      }
    }
    vocabulary.tokens[3] = [0xff]
    let found = fault { () throws(Fault) in
      try HuggingFaceTokenizer(vocabulary, contextLength: 8)
    }
    #expect(found?.code == "TK-UNSUPPORTED")
  }

  @Test func mergesLeftmostOnTies() throws {
    let tokenizer = try Tokenizer(vocabulary: Self.letters(merges: ["a a"], extra: ["aa"]))
    #expect(tokenizer.encode("aaa") == [27, 0])
    for count in [47, 48, 49, 50, 1001] {
      let expected = [Int32](repeating: 27, count: count / 2) + (count % 2 == 1 ? [0] : [])
      #expect(tokenizer.encode(String(repeating: "a", count: count)) == expected)
    }
  }

  /// Words beyond 48 tokens are merged by another algorithm, which must not differ.
  @Test(arguments: UInt64(1)...20)
  func bothAlgorithmsAgree(_ seed: UInt64) throws {
    let tokenizer = try Tokenizer(
      vocabulary: Self.letters(
        merges: ["a b", "b a", "ab ab", "a a", "ba b", "abab a", "c ab"],
        extra: ["ab", "ba", "abab", "aa", "bab", "ababa", "cab"]))
    var state = seed
    let word = (0..<120).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return ["a", "b", "b", "a", "c"][Int(state >> 33) % 5]
    }.joined()
    let found = tokenizer.encode(word)
    #expect(found == Self.naive(word, tokenizer), "seed \(seed)")
    #expect(tokenizer.decode(found) == Array(word.utf8))
  }

  /// Merging as the format states it, one whole scan for every rule and place.
  private static func naive(_ word: String, _ tokenizer: Tokenizer) -> [Int32] {
    let rules = ["a b", "b a", "ab ab", "a a", "ba b", "abab a", "c ab"]
    var pieces = word.map(String.init)
    while true {
      var best: (rank: Int, index: Int)?
      for index in 0..<max(pieces.count - 1, 0) {
        if let rank = rules.firstIndex(of: pieces[index] + " " + pieces[index + 1]),
          rank < best?.rank ?? .max
        {
          best = (rank, index)
        }
      }
      guard let best else { break }
      pieces[best.index] += pieces.remove(at: best.index + 1)
    }
    // Every piece is a token of its own.
    return pieces.flatMap { tokenizer.encode($0) }
  }

  @Test func longWordsTakeLinearithmicTime() throws {
    let tokenizer = try Tokenizer(vocabulary: Self.letters())
    let before = Self.threadSeconds()
    _ = tokenizer.encode(String(repeating: "abc", count: 200_000))
    // A quadratic algorithm would take minutes. Time of this thread only: the machine may be busy.
    #expect(Self.threadSeconds() - before < 20)
  }

  private static func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }

  @Test func bytesWithoutATokenAreDropped() throws {
    let tokenizer = try Tokenizer(vocabulary: Self.letters())
    #expect(tokenizer.encode("aé7b") == tokenizer.encode("a") + tokenizer.encode("b"))
  }

  @Test func keysAreBytes() throws {
    // "é" and "e" + U+0301 are equal Swift strings and different tokens.
    var vocabulary = Self.letters(merges: [], extra: [])
    vocabulary.tokens += [Array("\u{e9}".utf8), Array("e\u{301}".utf8)]
    vocabulary.tokenTypes = [Int32](repeating: 1, count: 27) + [4, 4]
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    #expect(tokenizer.encode("\u{e9}") == [27])
    #expect(tokenizer.encode("e\u{301}") == [28])
  }

  @Test func controlTokensAreRecognised() throws {
    var vocabulary = Self.letters(merges: [], extra: ["<s>", "<s>x", "<pad>"])
    vocabulary.tokenTypes = [Int32](repeating: 1, count: 27) + [3, 4, 5]
    vocabulary.beginOfSequence = 27
    vocabulary.addsBeginOfSequence = true
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    #expect(tokenizer.encode("a<s>b") == [0, 27, 1])
    #expect(tokenizer.encode("<s>x") == [28])
    #expect(tokenizer.encode("a", addSpecial: true) == [27, 0])
    // Unused tokens are not: only the letters of it have tokens.
    #expect(tokenizer.encode("<pad>") == [15, 0, 3])
  }

  @Test(arguments: [
    ("model", "TK-MODEL", Fault.Kind.unsupported), ("no pre", "TK-PRE", .unsupported),
    ("default pre", "TK-PRE", .unsupported), ("twice", "TK-DUP", .badData),
    ("unknown merge", "TK-MERGE", .badData), ("no pair", "TK-MERGE", .badData),
    ("half a pair", "TK-MERGE", .badData),
  ])
  func refuses(defect: String, code: String, kind: Fault.Kind) {
    var vocabulary = Self.letters()
    switch defect {
    case "model": vocabulary.model = "rwkv"
    case "no pre": vocabulary.preTokenizer = nil
    case "default pre": vocabulary.preTokenizer = "default"
    case "twice": vocabulary.tokens.append([0x61])
    case "unknown merge": vocabulary.merges.append(Array("a z".utf8))
    case "no pair": vocabulary.merges.append(Array("ab".utf8))
    default: vocabulary.merges.append(Array("a ".utf8))
    }
    let found = fault { _ = try Tokenizer(vocabulary: vocabulary) }
    #expect(found?.code == code && found?.kind == kind, "\(String(describing: found))")
  }
}

/// The fault that `body` throws; nil when it throws none.
func fault(_ body: () throws -> Void) -> Fault? {
  do {
    try body()
    return nil
  } catch {
    return error as? Fault
  }
}
