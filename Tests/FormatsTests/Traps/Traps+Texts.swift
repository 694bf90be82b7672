import Checkpoints
import Faults
import Files
import JSON
import TestSupport
import Testing
import Tokenizers

/// Vocabularies and names.
extension TrapTests {
  /// Letters, digits and what else is asked for, in the byte alphabet.
  private static func vocabulary(
    _ rule: String?, merges: [String] = [], extra: [String] = []
  ) -> TokenizerVocabulary {
    let characters = "abcdefghijklmnopqrstuvwxyz0123456789\u{120}\u{10d}\u{10a}".unicodeScalars
    return TokenizerVocabulary(
      model: "gpt2", preTokenizer: rule,
      tokens: characters.map { Array(String($0).utf8) } + extra.map { Array($0.utf8) },
      merges: merges.map { Array($0.utf8) })
  }

  static let texts: [Trap] = [
    Trap(
      30, "a splitting rule that is missing or unknown replaced by another; digits",
      elsewhere: [
        ("Tests/TokenizersTests/TokenizerVectorTests.swift", "agreesOnTheDemoVocabulary()")
      ]
    ) {
      for rule in [nil, "default", "unheard-of"] {
        #expect(refusal { try Tokenizer(vocabulary: vocabulary(rule)) }?.code == "TK-PRE")
      }
      for (rule, count) in [("gpt-2", 1), ("llama-bpe", 2), ("qwen2", 4), ("smollm", 4)] {
        let tokenizer = try Tokenizer(
          vocabulary: vocabulary(
            rule, merges: ["1 2", "12 3", "123 4"], extra: ["12", "123", "1234"]))
        #expect(tokenizer.encode("1234").count == count, "\(rule)")
      }
    },
    Trap(
      31, "a beginning token added twice or not at all; padding and truncation applied unasked",
      elsewhere: [("Tests/TokenizersTests/TokenizerJSONTests.swift", "templatesSurroundTheText()")]
    ) {
      var tokens = vocabulary("gpt-2", extra: ["<s>"])
      tokens.tokenTypes = [Int32](repeating: 1, count: tokens.tokens.count - 1) + [3]
      let begin = Int32(tokens.tokens.count - 1)
      (tokens.beginOfSequence, tokens.addsBeginOfSequence) = (begin, true)
      let tokenizer = try Tokenizer(vocabulary: tokens)
      // A rendered template brings its own; only what is asked for is added.
      #expect(tokenizer.encode("<s>ab") == [begin, 0, 1])
      #expect(tokenizer.encode("ab", addSpecial: true) == [begin, 0, 1])
      let path = Checkout.path("golden/tokenizer/lines/gpt-2.json")
      let file = try JSONValue.parse(try InputFile(path).readAll(limit: 1 << 24))
      var object = try #require(file.objectValue)
      object["truncation"] = ["max_length": 2, "stride": 0, "strategy": "LongestFirst"]
      object["padding"] = ["strategy": ["Fixed": 128], "pad_id": 0, "pad_token": "x"]
      try withFile(Array(JSONValue.object(object).text().utf8), named: "tokenizer.json") {
        let text = "a sentence of more than two tokens"
        let found = try Tokenizer(tokenizerJSON: $0).encode(text)
        let plain = try Tokenizer(tokenizerJSON: path).encode(text)
        #expect(found == plain && plain.count > 2)
      }
    },
    Trap(
      32, "strings that Swift holds for equal; a line end of two bytes as one character",
      elsewhere: [("Tests/TokenizersTests/TokenizerVocabularyTests.swift", "keysAreBytes()")]
    ) {
      // U+09DF and U+09AF U+09BC are equal strings, and two tokens of real vocabularies.
      var tokens = vocabulary("gpt-2", extra: ["\u{9df}", "\u{9af}\u{9bc}"])
      tokens.tokenTypes = [Int32](repeating: 1, count: tokens.tokens.count - 2) + [4, 4]
      let tokenizer = try Tokenizer(vocabulary: tokens)
      let first = Int32(tokens.tokens.count - 2)
      #expect(tokenizer.encode("\u{9df}") == [first])
      #expect(tokenizer.encode("\u{9af}\u{9bc}") == [first + 1])
      #expect(tokenizer.encode("\r\n") == [37, 38])
      var builder = GGUFBuilder()
      builder.add("\u{3af}", shape: [1], floats: [1])
      builder.add("\u{1f77}", shape: [1], floats: [2])
      try withFile(builder.bytes()) { path in
        let checkpoint = try Checkpoint.open(path)
        #expect(try checkpoint.floats("\u{3af}") == [1])
        #expect(try checkpoint.floats("\u{1f77}") == [2])
      }
    },
    Trap(33, "merges split at the wrong space; marks and line ends of merges.txt") {
      // The first byte may be a space itself.
      let tokenizer = try Tokenizer(
        vocabulary: vocabulary(
          "gpt-2", merges: ["\u{120} a", "\u{120}a b"], extra: ["\u{120}a", "\u{120}ab"]))
      #expect(tokenizer.encode(" ab") == [40])
      for merge in ["ab", "a ", "a b\r"] {
        let found = refusal { try Tokenizer(vocabulary: vocabulary("gpt-2", merges: [merge])) }
        #expect(found?.code == "TK-MERGE", "\(merge)")
      }
      // merges.txt is never read: only tokenizer.json is, which holds the merges itself.
      try TinyLlama.withCopy { folder in
        try AtomicFile.write(Paths.join(folder, "merges.txt"), text: "#version: 0.2\r\na b\r\n")
        try AtomicFile.write(Paths.join(folder, "vocab.json"), text: #"{"a":0,"b":1,"ab":2}"#)
        let checkpoint = try Checkpoint.open(folder)
        #expect(refusal { try Tokenizer(checkpoint: checkpoint) }?.code == "TK-MISSING")
      }
    },
  ]
}
