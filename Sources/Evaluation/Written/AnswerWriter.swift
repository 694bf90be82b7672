package import Faults
package import Models
package import Ranks
package import Tokenizers

/// Has a model write its answers, greedily, and compares what is found in them.
///
/// Writing ends with the end of a sequence, with the token that ends the right completion of a conversation, with a stop,
/// or after as many tokens as the line allows.
package struct AnswerWriter: Sendable {
  private let examples: [(index: Int, example: TokenizedExample, answer: WrittenAnswer)]
  private let tokenizer: Tokenizer

  /// Answers written together; fixed, so that they do not depend on the number of threads.
  private static let groupSize = 16

  /// The most places that keys and values of answers written together may take: of every sequence as many as the longest needs.
  package static func cachedTokens(_ examples: [TokenizedExample]) -> Int {
    let written = examples.compactMap { example in
      example.written.map { (prompt: example.prompt.count, length: $0.length) }
    }
    return stride(from: 0, to: written.count, by: groupSize).map { first in
      let group = written[first..<min(first + groupSize, written.count)]
      return group.count * ((group.map(\.prompt).max() ?? 0) + (group.map(\.length).max() ?? 0))
    }.max() ?? 0
  }

  /// A writer of the answers of `examples`, as far as they ask for some.
  package init(_ examples: [TokenizedExample], tokenizer: Tokenizer) {
    self.examples = examples.enumerated().compactMap { index, example in
      example.written.map { (index, example, $0) }
    }
    self.tokenizer = tokenizer
  }

  /// Examples that ask for a written answer.
  package var count: Int { examples.count }

  /// Whether each written answer is right, with the place of its example; `done` is told how many are finished.
  package func answers(
    _ pool: DecoderPool, ranks: Ranks, done: @escaping @Sendable (Int) -> Void
  ) throws(Fault) -> [(index: Int, isRight: Bool)] {
    let starts = Array(stride(from: 0, to: examples.count, by: AnswerWriter.groupSize))
    let right = try ranks.share(starts.count) { (mine) throws(Fault) -> [[Bool]] in
      try pool.map(mine.count) { (place, decoder) throws(Fault) -> [Bool] in
        let first = starts[mine[place]]
        let group = examples[first..<min(first + AnswerWriter.groupSize, examples.count)]
        let result = try write(Array(group), decoder)
        done(result.count)
        return result
      }
    }
    return zip(examples, right.joined()).map { ($0.index, $1) }
  }

  private func write(
    _ group: [(index: Int, example: TokenizedExample, answer: WrittenAnswer)], _ decoder: Decoder
  ) throws(Fault) -> [Bool] {
    let texts = try GreedyDecoder(decoder).complete(
      prompts: group.map(\.example.prompt), limits: group.map(\.answer.length)
    ) { place, tokens in
      let (example, answer) = (group[place].example, group[place].answer)
      guard let last = tokens.last else { return false }
      if tokenizer.ends.contains(last) || example.endsTurn && last == example.completion.last {
        return true
      }
      guard !answer.stops.isEmpty else { return false }
      let text = self.text(of: tokens)
      return answer.stops.contains { text.contains($0) }
    }.map { text(of: $0) }
    return zip(group, texts).map { $0.answer.isRight($1) }
  }

  private func text(of tokens: [Int32]) -> String {
    String(decoding: tokenizer.decode(tokens), as: UTF8.self)
  }
}
