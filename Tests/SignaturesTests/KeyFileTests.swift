import Faults
import Files
import Signatures
import TestSupport
import Testing

/// Keys as OpenSSL writes them, and everything else that may be given in their place.
@Suite struct KeyFileTests {
  /// The third key of RFC 8032 §7.1, as `openssl pkey` writes it.
  static let secret = """
    -----BEGIN PRIVATE KEY-----
    MC4CAQAwBQYDK2VwBCIEIMWqjfQ/n4N77bdELzHct7Fm04U1B28JS4XOOi4LRFj3
    -----END PRIVATE KEY-----

    """
  static let shared = """
    -----BEGIN PUBLIC KEY-----
    MCowBQYDK2VwAyEA/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=
    -----END PUBLIC KEY-----

    """

  private func refusal(secret text: String) throws -> Fault? {
    try withFile(text) { path in fault { () throws(Fault) in try SigningKey(path) } }
  }

  private func refusal(shared text: String) throws -> Fault? {
    try withFile(text) { path in fault { () throws(Fault) in try VerifyingKey(path) } }
  }

  private func withFile<R>(_ text: String, _ body: (String) throws -> R) throws -> R {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "key.pem")
      try AtomicFile.write(path, text: text)
      return try body(path)
    }
  }

  @Test func keysHaveThirtyTwoBytes() {
    for count in [0, 31, 33] {
      let bytes = [UInt8](repeating: 1, count: count)
      #expect(fault { () throws(Fault) in try SigningKey(bytes: bytes) }?.code == "SIG-KEY")
      #expect(fault { () throws(Fault) in try VerifyingKey(bytes: bytes) }?.code == "SIG-KEY")
    }
  }

  @Test(arguments: ["\n", "\r\n"]) func halvesOfAPairBelongTogether(lineEnd: String) throws {
    func file(_ text: String) -> String {
      "for people\n" + text.replacing("\n", with: lineEnd)
    }
    let secret = try withFile(file(Self.secret)) { try SigningKey($0) }
    let shared = try withFile(file(Self.shared)) { try VerifyingKey($0) }
    #expect(secret.verifyingKey.bytes == shared.bytes)
    #expect(shared.isValid(try secret.signature(of: [1, 2]), of: [1, 2]))
  }

  /// What is no key at all or the wrong half is 65, another kind of key 69.
  static let refused: [(text: String, status: Int32)] = [
    ("", 65), ("no key", 65), ("-----BEGIN PRIVATE KEY-----\nMC4C", 65),
    ("-----BEGIN PRIVATE KEY-----\n-----END PUBLIC KEY-----\n", 65),
    (secret.replacing("MC4C", with: "!!!!"), 65), (shared, 65),
    (secret.replacing("PRIVATE", with: "ENCRYPTED PRIVATE"), 69),
    (secret.replacing("PRIVATE", with: "OPENSSH PRIVATE"), 69),
    (secret.replacing("PRIVATE", with: "EC PRIVATE"), 69),
    // X25519 in place of Ed25519, and a byte more or less.
    (secret.replacing("MC4CAQAwBQYDK2Vw", with: "MC4CAQAwBQYDK2Vu"), 69),
    (secret.replacing("RFj3", with: "RFg="), 69), (secret.replacing("RFj3", with: "RFj3AA=="), 69),
  ]

  @Test(arguments: refused) func otherPrivateKeysAreRefused(text: String, status: Int32) throws {
    let found = try refusal(secret: text)
    #expect(found?.code == "SIG-KEY" && found?.exitCode == status, "\(String(describing: found))")
    #expect(found?.path?.hasSuffix("key.pem") == true)
  }

  @Test func otherPublicKeysAreRefused() throws {
    for (text, status) in [
      ("", 65), (Self.secret, 65), (Self.shared.replacing("PUBLIC", with: "RSA PUBLIC"), 69),
      (Self.shared.replacing("MCowBQYDK2Vw", with: "MCowBQYDK2Vu"), 69),
    ] as [(String, Int32)] {
      let found = try refusal(shared: text)
      #expect(found?.code == "SIG-KEY" && found?.exitCode == status, "\(text)")
    }
  }

  @Test func theSecretIsNeverShown() throws {
    let text = Self.secret.replacing("MC4C", with: "MC4D")
    let found = try refusal(secret: text)
    #expect(found != nil && found?.description.contains("AQAw") == false)
  }

  @Test func aHugeFileIsNotRead() throws {
    let found = try refusal(secret: Self.secret + String(repeating: " ", count: 1 << 17))
    #expect(found?.code == "IO-SIZE")
  }
}
