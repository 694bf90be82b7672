import Faults
import Files
import TestSupport
import Testing

@Suite struct SHA256DigestTests {
  // FIPS 180-2, appendix B, and the empty message.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func publishedVectors(text: String, hex: String) throws {
    let digest = SHA256Digest.of(Array(text.utf8))
    #expect(digest.hex == hex)
    #expect(SHA256Digest(hex: hex) == digest)
    var pieces = SHA256Hasher()
    for byte in text.utf8 { pieces.update([byte]) }
    #expect(pieces.finalize() == digest)
  }

  @Test func floatsAreHashedAsLittleEndianBytes() {
    let values: [Float] = [1, -2]
    let bytes: [UInt8] = [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]
    #expect(SHA256Digest.of(values) == SHA256Digest.of(bytes))
  }

  @Test func filesInPieces() throws {
    try withTemporaryDirectory { (folder) throws in
      let bytes = [UInt8]((0..<(1 << 20) + 17).map { UInt8(truncatingIfNeeded: $0 >> 3) })
      let path = Paths.join(folder, "f")
      let written = try AtomicFile.write(path, bytes: bytes)
      #expect(try SHA256Digest.of(try InputFile(path)) == written.digest)
      #expect(written.digest == SHA256Digest.of(bytes))
    }
  }

  @Test(arguments: [
    "", "ab", String(repeating: "g", count: 64), String(repeating: "+1", count: 32),
  ])
  func otherTextIsNoDigest(text: String) { #expect(SHA256Digest(hex: text) == nil) }
}
