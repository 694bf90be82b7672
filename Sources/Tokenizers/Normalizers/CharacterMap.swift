internal import Faults

/// SentencePiece's compiled table of replacements, `precompiled_charsmap` (`formats/tokenizers.md` §4.3).
///
/// A 32-bit little-endian size, a double array of so many bytes, and texts that end with a zero byte. A unit of the
/// array holds in bits 0–7 and 31 the byte that leads to it, in bit 8 whether a key ends there, in bits 10–30 (times
/// 256 with bit 9) what its number is xor-ed with to reach its children; that of a key's end is the place of its text.
struct CharacterMap: Sendable {
  private let units: [UInt32]
  private let texts: [UInt8]

  /// - Throws: 65 `TK-CHARSMAP` for a table that is cut short.
  init(_ bytes: [UInt8]) throws(Fault) {
    guard bytes.count >= 4 else {
      throw Fault(.badData, "TK-CHARSMAP", "the table of replacements has \(bytes.count) bytes")
    }
    func word(_ place: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) }
    }
    let size = Int(word(0))
    guard size % 4 == 0, size <= bytes.count - 4 else {
      throw Fault(
        .badData, "TK-CHARSMAP",
        "the table of replacements states an array of \(size) bytes and has \(bytes.count - 4)")
    }
    units = (0..<size / 4).map { word(4 + 4 * $0) }
    texts = Array(bytes[(4 + size)...])
  }

  private static func offset(_ unit: UInt32) -> Int {
    Int((unit >> 10) << ((unit & 1 << 9) >> 6))
  }

  /// Calls `body` with the length and the text's place of each key that `bytes` begins with, shortest first, until it
  /// returns false.
  private func prefixes(_ bytes: ArraySlice<UInt8>, _ body: (Int, Int) -> Bool) {
    guard let root = units.first else { return }
    var place = Self.offset(root)
    for (count, byte) in bytes.enumerated() {
      if byte == 0 { return }
      place ^= Int(byte)
      // Damaged tables lead out of the array.
      guard units.indices.contains(place) else { return }
      let unit = units[place]
      guard unit & (1 << 31 | 0xff) == UInt32(byte) else { return }
      place ^= Self.offset(unit)
      guard units.indices.contains(place) else { return }
      if unit >> 8 & 1 == 1, !body(count + 1, Int(units[place] & (1 << 31 - 1))) { return }
    }
  }

  private func text(_ place: Int) -> ArraySlice<UInt8>? {
    guard texts.indices.contains(place) else { return nil }
    return texts[place...].prefix { $0 != 0 }
  }

  /// What the shortest key that `bytes` begins with is replaced by; nil where there is none.
  func replacement(ofShortestPrefixOf bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    var found: Int?
    prefixes(bytes) { _, place in
      found = place
      return false
    }
    return found.flatMap(text)
  }

  /// The longest key that `bytes` begins with: its length and what it is replaced by.
  func longest(_ bytes: ArraySlice<UInt8>) -> (count: Int, text: ArraySlice<UInt8>)? {
    var found: (Int, Int)?
    prefixes(bytes) { count, place in
      found = (count, place)
      return true
    }
    guard let found, let text = text(found.1) else { return nil }
    return (found.0, text)
  }
}
