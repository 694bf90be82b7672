/// Tokens that are cut out of the text before it is split, such as `<|im_start|>`
/// (`formats/tokenizers.md` §5).
struct AddedTokens: Sendable {
  /// A piece of a text.
  enum Piece: Equatable {
    case text(Range<Int>)
    case token(Int32)
  }

  /// Candidates by their first byte, longest first.
  private var byFirstByte: [[(content: [UInt8], id: Int32)]] = Array(repeating: [], count: 256)
  private(set) var isEmpty = true

  init() {}

  /// Adds a token; an empty one can never occur.
  mutating func add(_ content: [UInt8], id: Int32) {
    guard let first = content.first else { return }
    isEmpty = false
    let bucket = byFirstByte[Int(first)]
    let place = bucket.firstIndex { $0.content.count < content.count } ?? bucket.count
    byFirstByte[Int(first)].insert((content, id), at: place)
  }

  /// The pieces of `bytes` in `range`: at each place the longest token that starts there.
  func pieces(of bytes: [UInt8], in range: Range<Int>) -> [Piece] {
    if isEmpty { return range.isEmpty ? [] : [.text(range)] }
    var pieces: [Piece] = []
    var textStart = range.lowerBound
    var index = range.lowerBound
    while index < range.upperBound {
      let bucket = byFirstByte[Int(bytes[index])]
      let rest = bytes[index..<range.upperBound]
      guard let match = bucket.first(where: { rest.starts(with: $0.content) }) else {
        index += 1
        continue
      }
      if textStart < index { pieces.append(.text(textStart..<index)) }
      pieces.append(.token(match.id))
      index += match.content.count
      textStart = index
    }
    if textStart < range.upperBound { pieces.append(.text(textStart..<range.upperBound)) }
    return pieces
  }
}
