/// Normalisation as SentencePiece does it itself, from the settings in a GGUF file.
struct SentencePieceRules: Sendable {
  var map: CharacterMap?
  /// Whether a text begins with a space of ours.
  var prepends: Bool
  /// Whether spaces in a row are one, and those at the ends none.
  var mergesSpaces: Bool

  static let space: [UInt8] = [0xe2, 0x96, 0x81]

  /// The text with the longest replacements and U+2581 for spaces.
  func apply(to text: NormalizedText) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.bytes.count + 8)
    var hasPrefix = !prepends || text.continues && text.isFirst
    let keepsStart = hasPrefix && prepends
    var isInWord = false
    var sawSpace = false
    func take(_ byte: UInt8) {
      if byte == 0x20 {
        isInWord = false
        sawSpace = true
        if !mergesSpaces { result += Self.space }
        return
      }
      if !isInWord {
        isInWord = true
        // What follows another text gets a space only where it has one.
        let isJoined = keepsStart && result.isEmpty && !sawSpace
        if !hasPrefix || mergesSpaces && !isJoined { result += Self.space }
        hasPrefix = true
      }
      result.append(byte)
    }
    var index = 0
    while index < text.bytes.count {
      if let found = map?.longest(text.bytes[index...]) {
        found.text.forEach(take)
        index += found.count
        continue
      }
      repeat {
        take(text.bytes[index])
        index += 1
      } while index < text.bytes.count && text.bytes[index] & 0xc0 == 0x80
    }
    return result
  }
}
