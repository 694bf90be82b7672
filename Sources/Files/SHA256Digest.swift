import Crypto
public import Faults

/// A SHA-256 digest: 32 bytes.
public struct SHA256Digest: Sendable, Hashable, CustomStringConvertible {
  /// The 32 bytes.
  public let bytes: [UInt8]

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// The digest written as 64 hexadecimal digits, nil for any other text.
  public init?(hex: String) {
    let digits = Array(hex.utf8)
    guard digits.count == 64 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: 64, by: 2) {
      let pair = String(decoding: digits[index..<index + 2], as: UTF8.self)
      guard pair.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
        let byte = UInt8(pair, radix: 16)
      else { return nil }
      bytes.append(byte)
    }
    self.bytes = bytes
  }

  /// 64 lower-case hexadecimal digits.
  public var hex: String { SHA256Digest.hex(bytes) }

  /// Lower-case hexadecimal digits of some bytes, such as the beginning of a digest.
  public static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The hexadecimal digits.
  public var description: String { hex }

  /// The digest of some bytes.
  public static func of(_ bytes: [UInt8]) -> SHA256Digest {
    var hasher = SHA256Hasher()
    hasher.update(bytes)
    return hasher.finalize()
  }

  /// The digest of Float32 values as little-endian bytes: the content digest of a weight.
  public static func of(_ values: [Float]) -> SHA256Digest {
    var hasher = SHA256Hasher()
    hasher.update(values)
    return hasher.finalize()
  }

  /// The digest of a whole file, read in pieces of 1 MiB, with the check that it did not change.
  ///
  /// - Throws: what reading throws; `RUN-STOPPED` where the process is interrupted.
  public static func of(_ file: InputFile) throws(Fault) -> SHA256Digest {
    var hasher = SHA256Hasher()
    var offset = 0
    while offset < file.byteCount {
      try Interruption.check()
      let piece = try file.read(at: offset, count: min(1 << 20, file.byteCount - offset))
      hasher.update(piece)
      offset += piece.count
    }
    try file.checkUnchanged()
    return hasher.finalize()
  }
}

/// SHA-256 over a stream of bytes.
public struct SHA256Hasher: Sendable {
  private var state = SHA256()

  /// A hasher that has seen nothing.
  public init() {}

  /// Adds bytes.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    state.update(bufferPointer: bytes)
  }

  /// Adds bytes.
  public mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { state.update(bufferPointer: $0) }
  }

  /// Adds Float32 values as little-endian bytes.
  public mutating func update(_ values: [Float]) {
    #if _endian(little)
      values.withUnsafeBytes { state.update(bufferPointer: $0) }
    #else
      values.map { $0.bitPattern.littleEndian }.withUnsafeBytes { state.update(bufferPointer: $0) }
    #endif
  }

  /// The digest of everything added; the hasher itself stays usable.
  public func finalize() -> SHA256Digest { SHA256Digest(bytes: Array(state.finalize())) }
}
