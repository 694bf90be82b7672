import Checkpoints
import Foundation
import TestSupport
import Testing
import Tokenizers

/// The published vectors of llama.cpp: 46 texts and their ids for each vocabulary.
@Suite struct TokenizerVectorTests {
  @Test(.enabled(if: Checkout.hasDemoBase, "needs the demo base: `make models`"))
  func agreesOnTheDemoVocabulary() throws {
    let tokenizer = try Tokenizer(base: BaseCheckpoint.open(Checkout.demoBase))
    var cases = try TokenizerVectors("golden/tokenizer/ggml-vocab-smollm.gguf").cases
    #expect(cases.count == 46)
    // Texts and ids are of different revisions in one place: line 1 holds the ids of the word that
    // the text had before (golden/tokenizer/llama-cpp-vectors).
    #expect(cases[1].text == "Äpfel")
    cases[1].text = "F\u{fc}hrer"
    for (text, ids) in cases {
      #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
      #expect(tokenizer.decode(ids) == Array(text.utf8), "\(text.debugDescription)")
    }
    #expect(tokenizer.vocabularyCount == 49_152)
    #expect(tokenizer.beginOfSequence == 1 && tokenizer.endOfSequence == 2)
    #expect(!tokenizer.addsBeginOfSequence)
    #expect(tokenizer.encode("", addSpecial: true) == [])
  }

  /// Vocabularies that are not ours to distribute; golden/tools/fetch_vocabularies.sh brings them.
  @Test(
    .enabled(
      if: FileManager.default.fileExists(
        atPath: Checkout.path("models/vocabularies/ggml-vocab-gpt-2.gguf")),
      "needs golden/tools/fetch_vocabularies.sh"),
    arguments: [
      "gpt-2", "qwen2", "llama-bpe", "starcoder", "refact", "command-r", "mpt", "falcon",
      "deepseek-llm", "deepseek-coder", "qwen35", "llama-spm", "phi-3", "gemma-4", "bert-bge",
    ])
  func agreesOnOtherVocabularies(_ name: String) throws {
    let path = "models/vocabularies/ggml-vocab-\(name).gguf"
    let tokenizer = try Tokenizer(checkpoint: Checkpoint.open(Checkout.path(path)))
    let cases = try TokenizerVectors(path).cases
    #expect(cases.count == (name == "qwen35" ? 50 : 46))
    for (text, ids) in cases {
      #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
    }
    if ["gpt-2", "qwen2", "llama-bpe", "llama-spm"].contains(name) {
      #expect(tokenizer.addsBeginOfSequence == name.hasPrefix("llama"))
    }
    if ["llama-spm", "phi-3", "gemma-4"].contains(name) {
      for (text, ids) in cases { #expect(tokenizer.decode(ids, isWhole: true) == Array(text.utf8)) }
    }
  }
}
