import Checkpoints
import Faults
import Testing
import Tokenizers

/// Names in `tokenizer.ggml.pre`: many of them name one rule (`formats/tokenizers.md` §3).
@Suite struct PreTokenizerNameTests {
  @Test(arguments: [
    ("llama3", PreTokenizer.llamaBPE), ("llama-v3", .llamaBPE), ("falcon3", .llamaBPE),
    ("falcon-h1", .llamaBPE), ("pixtral", .llamaBPE), ("lfm2", .llamaBPE), ("midm-2.0", .llamaBPE),
    ("smaug-bpe", .llamaBPE), ("dbrx", .llamaBPE), ("glm4", .llamaBPE), ("chatglm-bpe", .llamaBPE),
    ("megrez", .qwen2), ("deepseek-r1-qwen", .qwen2), ("stablelm2", .qwen2), ("hunyuan", .qwen2),
    ("starcoder", .smollm), ("refact", .smollm), ("command-r", .smollm), ("codeshell", .smollm),
    ("exaone", .smollm), ("minerva-7b", .smollm), ("phi-2", .gpt2), ("mpt", .gpt2), ("olmo", .gpt2),
    ("jais", .gpt2), ("exaone4", .gpt2), ("modern-bert", .gpt2), ("tekken", .tekken),
    ("gpt-4o", .gpt4o), ("llama4", .gpt4o),
  ])
  func namesOneRule(_ name: String, _ rule: PreTokenizer) throws {
    var vocabulary = TokenizerVocabularyTests.letters()
    vocabulary.preTokenizer = name
    vocabulary.beginOfSequence = 0
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    #expect(tokenizer.preTokenizer == rule)
    // Those whose files leave the key out and mean yes.
    let begins = [
      "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "lfm2", "midm-2.0", "tekken",
    ]
    #expect(tokenizer.addsBeginOfSequence == begins.contains(name))
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

  @Test(arguments: ["roberta-bpe", "falcon", "deepseek-v3", "bloom", "default", ""])
  func refusesOthers(_ name: String) {
    var vocabulary = TokenizerVocabularyTests.letters()
    vocabulary.preTokenizer = name
    #expect(fault { _ = try Tokenizer(vocabulary: vocabulary) }?.code == "TK-PRE")
  }
}
