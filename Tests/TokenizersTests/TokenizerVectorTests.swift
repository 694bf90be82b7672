import Checkpoints
import Foundation
import TestSupport
import Testing
import Tokenizers

/// The published vectors of llama.cpp for the demo vocabulary: 46 texts and their ids.
@Suite struct TokenizerVectorTests {
  @Test(.enabled(if: Checkout.hasDemoBase, "needs `make models`"))
  func agreesWithEveryVector() throws {
    let tokenizer = try Tokenizer(base: BaseCheckpoint.open(Checkout.demoBase))
    let vectors = try TokenizerVectors("ggml-vocab-smollm.gguf")
    #expect(vectors.cases.count == 46)
    for (text, ids) in vectors.cases {
      #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
      #expect(tokenizer.decode(ids) == Array(text.utf8), "\(text.debugDescription)")
    }
  }
}
