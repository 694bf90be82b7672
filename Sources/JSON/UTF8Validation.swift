/// Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF (RFC 3629 §4).
public enum UTF8Validation {
  /// The offset of the first byte that is not part of valid UTF-8, nil when all is valid.
  public static func firstInvalidOffset(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    var index = 0
    let count = bytes.count
    while index < count {
      let lead = bytes[index]
      if lead < 0x80 {
        index += 1
        continue
      }
      // Second byte's range per RFC 3629 table 3-7; the rest are 80..BF.
      let (length, second): (Int, ClosedRange<UInt8>)
      switch lead {
      case 0xc2...0xdf: (length, second) = (2, 0x80...0xbf)
      case 0xe0: (length, second) = (3, 0xa0...0xbf)
      case 0xed: (length, second) = (3, 0x80...0x9f)
      case 0xe1...0xef: (length, second) = (3, 0x80...0xbf)
      case 0xf0: (length, second) = (4, 0x90...0xbf)
      case 0xf1...0xf3: (length, second) = (4, 0x80...0xbf)
      case 0xf4: (length, second) = (4, 0x80...0x8f)
      default: return index
      }
      guard index + length <= count, second.contains(bytes[index + 1]) else { return index }
      for next in index + 2..<index + max(length, 2) where bytes[next] & 0xc0 != 0x80 {
        return index
      }
      index += length
    }
    return nil
  }

  /// The same for an array.
  public static func firstInvalidOffset(in bytes: [UInt8]) -> Int? {
    bytes.withUnsafeBufferPointer { firstInvalidOffset(in: $0) }
  }
}
