import Faults
import Files
import Testing

@Suite struct FileSignatureTests {
  static let cases: [(String, FileSignature, Int32)] = [
    ("GGUF\u{3}\0\0\0", .gguf, 69), ("tjgg....", .legacyGGML, 69), ("PK\u{3}\u{4}....", .zip, 69),
    ("version https://git-lfs.github.com/spec/v1\noid", .gitLFSPointer, 65),
    ("<!DOCTYPE html><html>", .html, 65), ("<HTML><body>", .html, 65), ("%PDF-1.7", .pdf, 69),
    ("....TFL3....", .tensorFlowLite, 69),
  ]

  @Test(arguments: cases)
  func textSignatures(text: String, expected: FileSignature, exitCode: Int32) {
    let found = FileSignature(Array(text.utf8))
    #expect(found == expected)
    #expect(found?.refusal(path: "x").exitCode == exitCode)
  }

  @Test func binarySignatures() {
    #expect(FileSignature([0x80, 0x02, 0x63]) == .pickle)
    #expect(FileSignature([0x80, 0x04, 0x95]) == .pickle)
    #expect(FileSignature([0x28, 0xb5, 0x2f, 0xfd, 0]) == .zstd)
    #expect(FileSignature([0x1f, 0x8b, 8]) == .gzip)
    #expect(FileSignature([0x89, 0x48, 0x44, 0x46, 0x0d]) == .hdf5)
    #expect(FileSignature([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]) == .numpy)
    #expect(FileSignature([8, 7, 0x12, 7] + Array("pytorch".utf8)) == .onnx)
    #expect(FileSignature([8, 1, 0x12, 0xf4, 0x1b, 0x0a, 0xb1, 1]) == .savedModel)
    #expect(FileSignature([0x1c, 0, 0, 0] + Array("TFL3".utf8)) == .tensorFlowLite)
    let tar = [UInt8](repeating: 0x61, count: 257) + Array("ustar".utf8)
    #expect(FileSignature(tar + [0]) == .tar)
    #expect(FileSignature(tar.dropLast()) == nil)
  }

  @Test func safetensorsAndShortFilesHaveNone() {
    #expect(FileSignature([8, 0, 0, 0, 0, 0, 0, 0, 0x7b]) == nil)
    #expect(FileSignature([]) == nil)
    // Headers of 1.2 MB, whose length begins as an ONNX model does but for the fourth byte.
    #expect(FileSignature([8, 7, 0x12, 0, 0, 0, 0, 0, 0x7b]) == nil)
    #expect(FileSignature([8, 1, 0x12, 1, 0, 0, 0, 0, 0x7b]) == nil)
    #expect(FileSignature([0x80]) == nil)
  }
}
