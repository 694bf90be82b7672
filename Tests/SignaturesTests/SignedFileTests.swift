import Faults
import Files
import Signatures
import TestSupport
import Testing

/// Signatures beside files (`formats/signatures.md` §1).
@Suite struct SignedFileTests {
  private func makeKey() throws(Fault) -> SigningKey { try SigningKey(bytes: [UInt8](0..<32)) }

  @Test func whatWasSignedIsWhatIsThere() throws {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "a.bin")
      try AtomicFile.write(path, text: "content")
      let key = try makeKey()
      try key.sign(path)
      #expect(try Paths.entries(of: folder) == ["a.bin", "a.bin.sig"])
      #expect(try InputFile(path + ".sig").byteCount == 64)
      try key.verifyingKey.check(path)
      // It is there already.
      #expect(try key.file(signing: path) == nil)
      try AtomicFile.write(path, text: "Content")
      #expect(code(key.verifyingKey, path) == "SIG-WRONG")
      // Signed again, the earlier one is replaced.
      try key.sign(path)
      try key.verifyingKey.check(path)
      #expect(code(try SigningKey(bytes: [UInt8](1...32)).verifyingKey, path) == "SIG-WRONG")
    }
  }

  @Test func anEmptyFileHasASignatureToo() throws {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "empty")
      try AtomicFile.write(path, bytes: [])
      try makeKey().sign(path)
      try makeKey().verifyingKey.check(path)
    }
  }

  @Test func otherFilesInItsPlaceAreNamed() throws {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "a.bin")
      try AtomicFile.write(path, text: "content")
      let shared = try makeKey().verifyingKey
      let missing = fault { () throws(Fault) in try shared.check(path) }
      #expect(missing?.code == "IO-OPEN" && missing?.path == path + ".sig")
      for count in [0, 63, 65, 1 << 20] {
        try AtomicFile.write(path + ".sig", bytes: [UInt8](repeating: 7, count: count))
        #expect(code(shared, path) == "SIG-SIZE")
      }
      try AtomicFile.write(path + ".sig", bytes: [UInt8](repeating: 7, count: 64))
      #expect(code(shared, path) == "SIG-WRONG")
    }
  }

  private func code(_ key: VerifyingKey, _ path: String) -> String? {
    fault { () throws(Fault) in try key.check(path) }?.code
  }
}
