import Faults

/// The layout of one zstd frame, walked block by block before anything is decoded (RFC 8878 §3.1.1).
///
/// One-shot decoding ignores what follows a frame and trusts the size that the frame declares; the
/// walk finds the true end and bounds the size by the blocks that are there
/// (`formats/loraxs.md` §2).
struct ZstdFrame {
  /// Size of the content, as declared; at most 128 KiB per block present.
  let contentByteCount: Int
  /// Bytes from the magic number to the checksum.
  let byteCount: Int

  private static let blockLimit = 128 << 10
  /// 2²⁷ bytes, the decoder's own limit.
  private static let windowLimit = 1 << 27

  /// Walks the frame that begins at the first byte.
  ///
  /// - Throws: 65 with `ART-TRUNC`, `ART-ZSTD`, `ART-SUM` (no checksum), `ART-SIZE`, `ART-WINDOW`.
  init(_ bytes: UnsafeRawBufferPointer, limit: Int) throws(Fault) {
    var reader = Reader(bytes: bytes)
    guard try reader.number(4) == 0xfd2f_b528 else {
      throw Fault(.badData, "ART-ZSTD", "does not begin with a zstd frame")
    }
    let descriptor = try reader.number(1)
    guard descriptor & 0x08 == 0 else { throw Fault(.badData, "ART-ZSTD", "reserved bit is set") }
    guard descriptor & 0x03 == 0 else { throw Fault(.badData, "ART-ZSTD", "needs a dictionary") }
    guard descriptor & 0x04 != 0 else { throw Fault(.badData, "ART-SUM", "frame has no checksum") }
    let isSingleSegment = descriptor & 0x20 != 0
    if !isSingleSegment {
      let code = try reader.number(1)
      let base = 1 << (10 + code >> 3)
      let window = base + base / 8 * (code & 7)
      guard window <= ZstdFrame.windowLimit else {
        throw Fault(
          .badData, "ART-WINDOW", "window of \(window) bytes, at most \(ZstdFrame.windowLimit)")
      }
    }
    contentByteCount = try ZstdFrame.contentSize(
      descriptor >> 6, isSingleSegment, &reader, limit: limit)
    var blockCount = 0
    while true {
      let header = try reader.number(3)
      let size = header >> 3
      blockCount += 1
      switch header >> 1 & 3 {
      case 0, 2: try reader.skip(size)
      case 1: try reader.skip(1)
      default:
        throw Fault(.badData, "ART-ZSTD", "reserved block type at byte \(reader.position - 3)")
      }
      if header & 1 == 1 { break }
    }
    try reader.skip(4)
    byteCount = reader.position
    guard contentByteCount <= blockCount * ZstdFrame.blockLimit else {
      throw Fault(
        .badData, "ART-SIZE", "declares \(contentByteCount) bytes in \(blockCount) blocks")
    }
  }

  private static func contentSize(
    _ flag: Int, _ isSingleSegment: Bool, _ reader: inout Reader, limit: Int
  ) throws(Fault) -> Int {
    let size: Int
    switch flag {
    case 0:
      guard isSingleSegment else {
        throw Fault(.badData, "ART-SIZE", "frame does not declare its size")
      }
      size = try reader.number(1)
    case 1: size = try reader.number(2) + 256
    case 2: size = try reader.number(4)
    default:
      let low = try reader.number(4)
      let high = try reader.number(4)
      guard high < 1 << 31 else {
        throw Fault(.badData, "ART-SIZE", "declares 2^63 bytes or more, at most \(limit)")
      }
      size = high << 32 | low
    }
    guard size <= limit else {
      throw Fault(.badData, "ART-SIZE", "declares \(size) bytes, at most \(limit)")
    }
    return size
  }

  /// Little-endian numbers with the end of the bytes in view.
  private struct Reader {
    let bytes: UnsafeRawBufferPointer
    var position = 0

    mutating func number(_ count: Int) throws(Fault) -> Int {
      let start = position
      try skip(count)
      var value = 0
      for index in (start..<position).reversed() { value = value << 8 | Int(bytes[index]) }
      return value
    }

    mutating func skip(_ count: Int) throws(Fault) {
      guard count <= bytes.count - position else {
        throw Fault(
          .badData, "ART-TRUNC",
          "frame ends early: needs \(count) bytes at byte \(position) of \(bytes.count)")
      }
      position += count
    }
  }
}
