import Checkpoints
import Faults
import Testing
import Tokenizers

/// Names in `tokenizer.ggml.pre`: many of them name one rule (`formats/tokenizers.md` §3.3).
@Suite struct PreTokenizerNameTests {
  /// Text that every rule cuts differently, in a vocabulary that shows where.
  private static func cuts(_ name: String) throws -> [Int32] {
    var vocabulary = TokenizerVocabularyTests.letters(
      merges: ["1 2", "12 3", "123 4", "a B", "' S", "! /", "x 1"],
      extra: [
        "1", "2", "3", "4", "12", "123", "1234", "B", "aB", "'", "S", "'S", "!", "/", "!/", "x1",
      ])
    vocabulary.preTokenizer = name
    return try Tokenizer(vocabulary: vocabulary).encode("aB1234 12'S x!/ x1")
  }

  @Test(arguments: [
    ("llama3", "llama-bpe"), ("llama-v3", "llama-bpe"), ("falcon3", "llama-bpe"),
    ("falcon-h1", "llama-bpe"), ("pixtral", "llama-bpe"), ("lfm2", "llama-bpe"),
    ("midm-2.0", "llama-bpe"), ("smaug-bpe", "llama-bpe"), ("dbrx", "llama-bpe"),
    ("glm4", "llama-bpe"), ("chatglm-bpe", "llama-bpe"), ("megrez", "qwen2"),
    ("deepseek-r1-qwen", "qwen2"), ("stablelm2", "qwen2"), ("hunyuan", "qwen2"),
    ("starcoder", "smollm"), ("refact", "smollm"), ("command-r", "smollm"),
    ("codeshell", "smollm"), ("exaone", "smollm"), ("minerva-7b", "smollm"), ("phi-2", "gpt-2"),
    ("mpt", "gpt-2"), ("olmo", "gpt-2"), ("jais", "gpt-2"), ("exaone4", "gpt-2"),
    ("modern-bert", "gpt-2"), ("roberta-bpe", "gpt-2"), ("llama4", "gpt-4o"),
    ("minimax-m2", "gpt-4o"),
  ])
  func namesOneRule(_ name: String, _ rule: String) throws {
    #expect(try Self.cuts(name) == Self.cuts(rule))
    var vocabulary = TokenizerVocabularyTests.letters()
    vocabulary.preTokenizer = name
    vocabulary.beginOfSequence = 0
    // Those whose files leave the key out and mean yes.
    let begins = [
      "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "lfm2", "midm-2.0", "roberta-bpe",
    ]
    vocabulary.separator = 1
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    #expect(tokenizer.addsBeginOfSequence == begins.contains(name))
    if name == "roberta-bpe" { #expect(tokenizer.encode("c", addSpecial: true) == [0, 2, 1]) }
  }

  @Test func rulesDiffer() throws {
    let rules = ["gpt-2", "smollm", "llama-bpe", "qwen2", "tekken", "gpt-4o"]
    #expect(Set(try rules.map(Self.cuts)).count == rules.count)
  }

  /// A word that is a token although no merge leads to it.
  @Test(
    arguments: [
      ("llama-bpe", [27]), ("falcon3", [27]), ("tekken", [27]), ("glm4", [27]),
      ("smaug-bpe", [0, 25]), ("dbrx", [0, 25]), ("qwen2", [0, 25]), ("gpt-4o", [0, 25]),
    ] as [(String, [Int32])])
  func takesWholeWords(_ name: String, _ ids: [Int32]) throws {
    var vocabulary = TokenizerVocabularyTests.letters(merges: [], extra: ["az"])
    vocabulary.preTokenizer = name
    #expect(try Tokenizer(vocabulary: vocabulary).encode("az") == ids)
  }

  @Test(arguments: ["kimi-k2", "afmoe", "whitespace", "default", ""])
  func refusesOthers(_ name: String) {
    var vocabulary = TokenizerVocabularyTests.letters()
    vocabulary.preTokenizer = name
    #expect(fault { _ = try Tokenizer(vocabulary: vocabulary) }?.code == "TK-PRE")
  }
}
