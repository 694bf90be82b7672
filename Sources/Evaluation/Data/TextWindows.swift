import Faults

/// A text as examples of a bounded length, so that its perplexity is e to the power of their NLL.
///
/// Every token but the first is predicted once. A window begins half its length behind the one before, so that every
/// token but those of the first window has at least half a window before it.
struct TextWindows {
  /// Tokens of a window at most: attention takes time and room by their square.
  static let longest = 1024

  /// Tokens of a window.
  private let length: Int

  /// Windows of `length` tokens, at least 2.
  init(_ length: Int) { self.length = max(length, 2) }

  /// The windows of a text of at least two tokens.
  ///
  /// - Throws: 65 `DATA-TOKENS` for a shorter one: nothing predicts its token.
  func examples(_ tokens: [Int32]) throws(Fault) -> [TokenizedExample] {
    guard tokens.count >= 2 else {
      throw Fault(.badData, "DATA-TOKENS", ": the text has one token, and nothing comes before it")
    }
    var examples: [TokenizedExample] = []
    /// The first token that is not predicted yet.
    var next = 1
    while next < tokens.count {
      let start = examples.isEmpty ? 0 : max(0, next - max(length / 2, 1))
      let end = min(start + length, tokens.count)
      examples.append(
        TokenizedExample(
          prompt: Array(tokens[start..<next]), completion: Array(tokens[next..<end])))
      next = end
    }
    return examples
  }
}
