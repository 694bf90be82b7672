import Tokenizers

/// An opening as tokens need it: where the model stops writing, and how long a text may become.
struct TextForm {
  /// The first words; with a token wherever the tokenizer has any to begin with.
  let opening: String
  /// What ends the part of the prompt that the writer writes; nil where that is the completion.
  let then: String?
  /// At most so many tokens of completion.
  let length: Int
  /// At most so many tokens of what the writer writes.
  let writtenLength: Int
  /// Tokens that end what the writer writes.
  let writtenStops: Set<Int32>
  /// Tokens that end the completion.
  let completionStops: Set<Int32>
  /// The most tokens of prompt and completion.
  let longest: Int
  private let boundary: [UInt8]

  /// The forms of `openings`, where a part that the model writes has at most `length` tokens.
  static func forms(
    of openings: [Opening], tokenizer: Tokenizer, length: Int
  ) -> [TextForm] {
    let finder = StopFinder(tokenizer)
    return openings.map { TextForm($0, tokenizer: tokenizer, finder: finder, length: length) }
  }

  private init(_ opening: Opening, tokenizer: Tokenizer, finder: StopFinder, length: Int) {
    let isEmpty = tokenizer.encode(prompt: opening.text).isEmpty
    self.opening = isEmpty ? TextForm.beginning(tokenizer) : opening.text
    then = opening.then
    self.length = opening.length ?? length
    // A token at a time cannot be compared with all of `then`, but with its first token.
    boundary =
      opening.then.map { tokenizer.decode(Array(tokenizer.encode($0, continues: true).prefix(1))) }
      ?? []
    completionStops = finder.tokens(containing: Array((opening.end ?? "").utf8))
    writtenStops = then == nil ? completionStops : finder.tokens(containing: boundary)
    writtenLength = then == nil ? self.length : length
    let fixed = tokenizer.encode(prompt: self.opening + (then ?? "")).count
    longest = fixed + self.length + (then == nil ? 0 : length)
  }

  /// The prompt in which the model wrote `text` after the opening.
  func prompt(writing text: String) -> String {
    // By bytes: a new line after a carriage return is no character of its own.
    let bytes = Array(text.utf8)
    let end = boundary.isEmpty ? nil : bytes.firstRange(of: boundary)?.lowerBound
    return opening + String(decoding: bytes.prefix(end ?? bytes.count), as: UTF8.self)
      + (then ?? "")
  }

  /// The token of a beginning as text, where the tokenizer does not put it there itself.
  private static func beginning(_ tokenizer: Tokenizer) -> String {
    guard let token = tokenizer.beginOfSequence ?? tokenizer.endOfSequence else { return "\n" }
    return String(decoding: tokenizer.decode([token]), as: UTF8.self)
  }
}

/// Finds tokens by the bytes they stand for.
private struct StopFinder {
  private let tokenBytes: [[UInt8]]
  private let ends: Set<Int32>

  init(_ tokenizer: Tokenizer) {
    tokenBytes = (0..<tokenizer.vocabularyCount).map { tokenizer.decode([Int32($0)]) }
    ends = tokenizer.ends
  }

  /// The ends of a sequence, and every token whose bytes contain `bytes` where these are any.
  func tokens(containing bytes: [UInt8]) -> Set<Int32> {
    var found = ends
    guard !bytes.isEmpty else { return found }
    for (index, token) in tokenBytes.enumerated() where token.firstRange(of: bytes) != nil {
      found.insert(Int32(index))
    }
    return found
  }
}
