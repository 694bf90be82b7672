import Compression
import Faults
import Tensors
import TestSupport
import Testing

@Suite struct ZstdTests {
  private static func sample(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 * $0) >> 5) }
  }

  /// Two kinds of noise, each of few values: one table for both describes neither.
  @Test func blocksEndWhereTheyAreTold() throws {
    var generator = SeededGenerator(seed: 7)
    let first = (0..<4000).map { _ in UInt8(generator.index(below: 4)) }
    let second = (0..<4000).map { _ in UInt8(100 + generator.index(below: 4)) }
    let bytes = first + second
    let frame = try Zstd.compress(bytes, boundaries: [4000])
    #expect(try Zstd.decompress(frame, limit: 1 << 20) == bytes)
    #expect(try frame.count < Zstd.compress(bytes).count)
    // Boundaries that end nothing change nothing.
    #expect(
      try Zstd.compress(bytes, boundaries: [0, 4000, 4000, 8000, 9000]) == frame)
    #expect(try Zstd.compress([], boundaries: [0, 3]) == Zstd.compress([]))
  }

  @Test(arguments: [0, 1, 255, 256, 65_791, 65_792, 300_000], [1, 19])
  func readsBack(count: Int, level: Int) throws {
    let bytes = ZstdTests.sample(count)
    let frame = try Zstd.compress(bytes, level: level)
    #expect(try Zstd.decompress(frame, limit: count) == bytes)
    #expect(try Zstd.compress(bytes, level: level) == frame)
  }

  @Test func everyTruncationIsNamed() throws {
    let frame = try Zstd.compress(ZstdTests.sample(5000))
    for count in 0..<frame.count {
      let found = fault { () throws(Fault) in
        try Zstd.decompress(Array(frame[..<count]), limit: 5000)
      }
      #expect(found?.code == "ART-TRUNC")
    }
  }

  @Test func noBitFlipChangesTheContent() throws {
    let bytes = ZstdTests.sample(3000)
    let frame = try Zstd.compress(bytes)
    for bit in 0..<frame.count * 8 {
      var flipped = frame
      flipped[bit / 8] ^= 1 << (bit % 8)
      var content: [UInt8]?
      let found = fault { () throws(Fault) in
        content = try Zstd.decompress(flipped, limit: 3000)
      }
      // A bit without meaning may flip; the content may not.
      #expect(found != nil || content == bytes)
      if let found { #expect(found.code.hasPrefix("ART-") && found.exitCode == 65) }
    }
  }

  @Test func whatFollowsTheFrameIsRefused() throws {
    let frame = try Zstd.compress(ZstdTests.sample(100))
    let skippable: [UInt8] = [0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff]
    for tail in [[0], frame, skippable] {
      #expect(
        fault { () throws(Fault) in try Zstd.decompress(frame + tail, limit: 1000) }?.code
          == "ART-TRAIL")
    }
    #expect(
      fault { () throws(Fault) in try Zstd.decompress(skippable + frame, limit: 1000) }?.code
        == "ART-ZSTD")
  }

  /// A frame of one last block with a chosen header.
  private static func frame(
    descriptor: UInt8, fields: [UInt8], blocks: [UInt8], checksum: [UInt8] = [0, 0, 0, 0]
  ) -> [UInt8] {
    [0x28, 0xb5, 0x2f, 0xfd, descriptor] + fields + blocks + checksum
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    let code: String
    var testDescription: String { "\(name): \(code)" }
  }

  // One raw block of 3 bytes, the last: header (3 << 3 | 0 << 1 | 1).
  private static let rawBlock: [UInt8] = [0x19, 0, 0, 1, 2, 3]

  static let refusals: [Refusal] = [
    Refusal(name: "not zstd", bytes: Array("PK\u{3}\u{4}12345678".utf8), code: "ART-ZSTD"),
    Refusal(
      name: "reserved bit", bytes: frame(descriptor: 0x2c, fields: [3], blocks: rawBlock),
      code: "ART-ZSTD"),
    Refusal(
      name: "dictionary", bytes: frame(descriptor: 0x25, fields: [9, 3], blocks: rawBlock),
      code: "ART-ZSTD"),
    Refusal(
      name: "no checksum",
      bytes: frame(descriptor: 0x20, fields: [3], blocks: rawBlock, checksum: []), code: "ART-SUM"),
    Refusal(
      name: "wrong checksum", bytes: frame(descriptor: 0x24, fields: [3], blocks: rawBlock),
      code: "ART-SUM"),
    Refusal(
      name: "unknown size", bytes: frame(descriptor: 0x04, fields: [0x58], blocks: rawBlock),
      code: "ART-SIZE"),
    Refusal(
      name: "window of 2^31",
      bytes: frame(descriptor: 0x84, fields: [21 << 3, 3, 0, 0, 0], blocks: rawBlock),
      code: "ART-WINDOW"),
    Refusal(
      name: "declares 1 TiB",
      bytes: frame(descriptor: 0xe4, fields: [0, 0, 0, 0, 0, 1, 0, 0], blocks: rawBlock),
      code: "ART-SIZE"),
    Refusal(
      name: "declares 2^63",
      bytes: frame(descriptor: 0xe4, fields: [0, 0, 0, 0, 0, 0, 0, 0x80], blocks: rawBlock),
      code: "ART-SIZE"),
    Refusal(
      name: "declares more than its blocks can hold",
      bytes: frame(descriptor: 0xa4, fields: [0, 0, 8, 0], blocks: rawBlock), code: "ART-SIZE"),
    Refusal(
      name: "declares less", bytes: frame(descriptor: 0x24, fields: [2], blocks: rawBlock),
      code: "ART-SIZE"),
    Refusal(
      name: "declares more", bytes: frame(descriptor: 0x24, fields: [9], blocks: rawBlock),
      code: "ART-ZSTD"),
    Refusal(
      name: "reserved block type",
      bytes: frame(descriptor: 0x24, fields: [3], blocks: [0x1f, 0, 0, 1, 2, 3]), code: "ART-ZSTD"),
    Refusal(
      name: "block beyond the end",
      bytes: frame(descriptor: 0x24, fields: [3], blocks: [0xf9, 0xff, 0, 1]), code: "ART-TRUNC"),
  ]

  @Test(arguments: refusals) func refuses(_ refusal: Refusal) {
    let found = fault { () throws(Fault) in try Zstd.decompress(refusal.bytes, limit: 1 << 30) }
    #expect(found?.code == refusal.code)
    #expect(found?.exitCode == 65)
  }

  @Test func bombStopsAtTheLimit() throws {
    let bomb = try Zstd.compress([UInt8](repeating: 0, count: 64 << 20), level: 3)
    #expect(bomb.count < 16 << 10)
    #expect(
      fault { () throws(Fault) in try Zstd.decompress(bomb, limit: 1 << 20) }?.code == "ART-SIZE")
  }
}
