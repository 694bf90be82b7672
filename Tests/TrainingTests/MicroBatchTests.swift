import Evaluation
import Testing
import Training

/// What goes through the model together.
@Suite struct MicroBatchTests {
  private func examples(_ count: Int, tokens: Int) -> [TokenizedExample] {
    // The last token of a completion is only predicted.
    Array(
      repeating: TokenizedExample(prompt: Array(repeating: 1, count: tokens), completion: [2]),
      count: count)
  }

  /// Every example once and in order; of short ones a power of two of parts, each within √2 of 128 tokens, give or take one example.
  @Test(arguments: [8, 9, 11, 12, 16, 17, 23, 24, 40, 100, 1000])
  func partsAreAboutEqual(count: Int) {
    let examples = examples(count, tokens: 16)
    let parts = examples.microBatches(Array(0..<count))
    #expect(parts.flatMap(\.self) == Array(0..<count))
    #expect(parts.count.nonzeroBitCount == 1)
    for part in parts { #expect((74...198).contains(16 * part.count), "\(parts.map(\.count))") }
  }

  /// An example is never cut, and few are no reason for empty parts.
  @Test func longExamplesStandAlone() {
    #expect(examples(3, tokens: 1000).microBatches([2, 0]) == [[2], [0]])
    #expect(examples(1, tokens: 3).microBatches([0]) == [[0]])
  }
}
