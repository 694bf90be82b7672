import Faults
import Files
import Foundation

/// A PEM file (RFC 7468) with one Ed25519 key in the encoding of RFC 8410, as OpenSSL writes it.
enum KeyFile {
  /// Which half of a pair of keys.
  enum Half {
    case secret, shared

    /// What stands between `-----BEGIN` and its dashes.
    var label: String { self == .secret ? "PRIVATE KEY" : "PUBLIC KEY" }

    /// What stands before the 32 bytes of the key: of PKCS #8 its lengths, version 0, the algorithm 1.3.101.112 and two
    /// octet strings; of SubjectPublicKeyInfo lengths, the algorithm and a bit string.
    var prefix: [UInt8] {
      let algorithm: [UInt8] = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70]
      return self == .secret
        ? [0x30, 0x2e, 0x02, 0x01, 0x00] + algorithm + [0x04, 0x22, 0x04, 0x20]
        : [0x30, 0x2a] + algorithm + [0x03, 0x21, 0x00]
    }
  }

  private static let byteLimit = 1 << 16
  private static let keyByteCount = 32

  /// The 32 bytes of the key in the file at `path`.
  ///
  /// - Throws: 65 `SIG-KEY` where there is no such key, 69 `SIG-KEY` for another kind of key; what reading throws.
  static func read(_ path: String, _ half: Half) throws(Fault) -> [UInt8] {
    let text = String(decoding: try InputFile(path).readAll(limit: byteLimit), as: UTF8.self)
    let (label, content) = try block(in: text, path: path)
    guard label == half.label else {
      throw Fault(
        label.hasSuffix(half.label) ? .unsupported : .badData, "SIG-KEY",
        "holds a \(label), expected a \(half.label)", path: path)
    }
    guard let encoded = Data(base64Encoded: content) else {
      throw Fault(.badData, "SIG-KEY", "the \(label) is not base64", path: path)
    }
    guard encoded.count == half.prefix.count + keyByteCount, encoded.starts(with: half.prefix)
    else {
      throw Fault(
        .unsupported, "SIG-KEY", "the \(label) is not one of Ed25519 alone (RFC 8410)", path: path)
    }
    return Array(encoded.suffix(keyByteCount))
  }

  /// The label of the first block, and its text without line ends.
  ///
  /// What stands before it is for people.
  private static func block(
    in text: String, path: String
  ) throws(Fault) -> (label: String, content: String) {
    let lines = text.split(whereSeparator: \.isNewline)
    guard let start = lines.firstIndex(where: { boundary($0, "BEGIN") != nil }),
      let label = boundary(lines[start], "BEGIN")
    else { throw Fault(.badData, "SIG-KEY", "is no PEM file", path: path) }
    guard let end = lines[start...].firstIndex(where: { boundary($0, "END") == label }) else {
      throw Fault(.badData, "SIG-KEY", "the \(label) does not end", path: path)
    }
    return (label, lines[(start + 1)..<end].joined())
  }

  /// The label of `-----BEGIN LABEL-----`; nil for any other line.
  private static func boundary(_ line: Substring, _ word: String) -> String? {
    let (head, tail) = ("-----\(word) ", "-----")
    guard line.hasPrefix(head), line.hasSuffix(tail), line.count > head.count + tail.count else {
      return nil
    }
    return String(line.dropFirst(head.count).dropLast(tail.count))
  }
}
