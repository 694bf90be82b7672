import Checkpoints
import Files
import Foundation
import JSON
import TestSupport
import Testing
import Tokenizers

/// Thousands of lines against Hugging Face's tokenizers library (golden/tokenizer/lines).
@Suite(.enabled(if: Checkout.hasDemoBase, "needs the demo base: `make models`"))
struct TokenizerLineTests {
  @Test(arguments: ["gpt-2", "smollm", "llama-bpe", "qwen2", "tekken", "gpt-4o"])
  func agreesOnEveryLine(_ rule: String) throws {
    let answers = try TokenizerLines.answers()
    var vocabulary = try Self.demoVocabulary()
    // A splitting rule does not depend on the vocabulary; the demo's serves for all.
    vocabulary.preTokenizer = rule
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    let sources = try #require(answers["rules"]?[rule]?.objectValue)
    #expect(sources.count == 3)
    for source in sources.members {
      try TokenizerLines.expect(tokenizer, source.key, agreesWith: source.value)
    }
  }

  /// The vocabulary as `tokenizer.json`, read again, gives the ids of Hugging Face's library.
  @Test(arguments: ["gpt-2", "smollm", "llama-bpe", "qwen2"])
  func theConvertedTokenizerAgreesOnEveryLine(_ rule: String) throws {
    let answers = try TokenizerLines.answers()
    var vocabulary = try Self.demoVocabulary()
    vocabulary.preTokenizer = rule
    let files = try HuggingFaceTokenizer(vocabulary, contextLength: 8)
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "tokenizer.json")
      try AtomicFile.write(path, text: files.tokenizer.text())
      let tokenizer = try Tokenizer(tokenizerJSON: path)
      let sources = try #require(answers["rules"]?[rule]?.objectValue)
      for source in sources.members {
        try TokenizerLines.expect(tokenizer, source.key, agreesWith: source.value)
      }
    }
  }

  @Test func decodesWhatItEncodes() throws {
    let tokenizer = try Tokenizer(vocabulary: Self.demoVocabulary())
    for line in try TokenizerLines.read("random.jsonl", limit: 1500) {
      // Bytes without a token are dropped, so only their absence may differ.
      let decoded = tokenizer.decode(tokenizer.encode(line))
      #expect(decoded.count <= line.utf8.count)
      if decoded.count == line.utf8.count { #expect(decoded == Array(line.utf8)) }
    }
  }

  /// The first ids themselves, for whoever must find a difference.
  @Test func agreesOnTheFirstLines() throws {
    let answers = try TokenizerLines.answers()
    let tokenizer = try Tokenizer(vocabulary: Self.demoVocabulary())
    let first = try #require(answers["first"]?.arrayValue)
    for (line, ids) in zip(try TokenizerLines.read("random.jsonl", limit: 3), first) {
      #expect(tokenizer.encode(line).map { Int($0) } == ids.arrayValue?.compactMap(\.intValue))
    }
  }

  // MARK: - Inputs

  static func demoVocabulary() throws -> TokenizerVocabulary {
    let source = try Checkpoint.open(Checkout.demoBase).tokenizerSource()
    guard case .vocabulary(let vocabulary) = source else {
      throw CocoaError(.featureUnsupported)
    }
    return vocabulary
  }
}
