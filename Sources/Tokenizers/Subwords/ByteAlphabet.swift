/// The printable spelling of bytes in byte-level vocabularies (`formats/tokenizers.md` §3.1).
///
/// Bytes 0x21–0x7E, 0xA1–0xAC and 0xAE–0xFF stand for themselves as code points; the other 68, in
/// increasing order, are U+0100, U+0101 and so on. A space is U+0120, a newline U+010A.
enum ByteAlphabet {
  /// The code point of each byte.
  private static let scalars: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (0...255).map { byte in
      switch byte {
      case 0x21...0x7e, 0xa1...0xac, 0xae...0xff: return Unicode.Scalar(UInt8(byte))
      default:
        defer { next += 1 }
        return Unicode.Scalar(next) ?? " "
      }
    }
  }()

  /// The byte of each code point of the alphabet, indexed by code point; 256 marks the others.
  private static let bytes: [UInt16] = {
    var table = [UInt16](repeating: 256, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { table[Int(scalar.value)] = UInt16(byte) }
    return table
  }()

  /// The code point of one byte.
  static func scalar(of byte: UInt8) -> Unicode.Scalar { scalars[Int(byte)] }

  /// The UTF-8 spelling of one byte.
  static func spelling(of byte: UInt8) -> [UInt8] { Array(String(scalars[Int(byte)]).utf8) }

  /// The bytes that a vocabulary string spells; nil where it uses another character.
  static func bytes(spelledBy token: [UInt8]) -> [UInt8]? {
    guard let text = String(validating: token, as: UTF8.self) else { return nil }
    var result: [UInt8] = []
    result.reserveCapacity(token.count)
    for scalar in text.unicodeScalars {
      guard scalar.value < 0x144, bytes[Int(scalar.value)] < 256 else { return nil }
      result.append(UInt8(bytes[Int(scalar.value)]))
    }
    return result
  }
}
