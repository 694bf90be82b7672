/// Escaped surrogate pairs that json-c takes for two lone surrogates.
///
/// json-c joins `\ud836\ude30` to U+1DA30 and then asks of the low 16 bits of that whether they are a surrogate again:
/// all code points above U+FFFF with such low bits become U+FFFD. Written in UTF-8 they are read as they are.
enum SurrogatePairs {
  /// `bytes` with those pairs in UTF-8; nil where there are none.
  static func rewritten(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    var result: [UInt8]?
    var copied = 0
    var index = 0
    while index + 1 < bytes.count {
      guard bytes[index] == UInt8(ascii: "\\") else {
        index += 1
        continue
      }
      guard let scalar = misread(bytes, at: index) else {
        // The escape and what it escapes, which may be a backslash.
        index += 2
        continue
      }
      var text = result ?? []
      result = nil
      text += bytes[copied..<index]
      text += Array(String(Character(scalar)).utf8)
      result = text
      index += 12
      copied = index
    }
    return result.map { $0 + bytes[copied...] }
  }

  /// The code point of the pair that begins at `index`, if it is one that is misread.
  private static func misread(_ bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> Unicode.Scalar?
  {
    guard let high = unit(bytes, at: index), high & 0xfc00 == 0xd800,
      let low = unit(bytes, at: index + 6), low & 0xfc00 == 0xdc00
    else { return nil }
    let value = 0x10000 + (high & 0x3ff) << 10 + low & 0x3ff
    return value & 0xf800 == 0xd800 ? Unicode.Scalar(value) : nil
  }

  /// The number of an escape `\uXXXX` at `index`.
  private static func unit(_ bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> UInt32? {
    guard index + 6 <= bytes.count, bytes[index] == UInt8(ascii: "\\"),
      bytes[index + 1] == UInt8(ascii: "u")
    else { return nil }
    var value: UInt32 = 0
    for byte in bytes[index + 2..<index + 6] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }
}
