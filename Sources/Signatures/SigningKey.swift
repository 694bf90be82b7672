import Crypto
public import Faults
public import Files

/// A private Ed25519 key (RFC 8032), which signs files.
public struct SigningKey: Sendable {
  private let key: Curve25519.Signing.PrivateKey

  /// The key of 32 secret bytes.
  ///
  /// - Throws: 65 `SIG-KEY` for any other number of them.
  public init(bytes: [UInt8]) throws(Fault) {
    do {
      key = try Curve25519.Signing.PrivateKey(rawRepresentation: bytes)
    } catch {
      throw Fault(.badData, "SIG-KEY", "\(bytes.count) bytes are no private key of Ed25519")
    }
  }

  /// The key in a PEM file of PKCS #8, as `openssl genpkey -algorithm ed25519` writes it.
  ///
  /// - Throws: 65 or 69 `SIG-KEY`; what reading throws.
  public init(_ path: String) throws(Fault) {
    let bytes = try KeyFile.read(path, .secret)
    do throws(Fault) {
      try self.init(bytes: bytes)
    } catch {
      throw error.at(path: path)
    }
  }

  /// The key that checks what this one signs.
  public var verifyingKey: VerifyingKey { VerifyingKey(key.publicKey) }

  /// The signature of `bytes`, the same at every call.
  public func signature(of bytes: [UInt8]) throws(Fault) -> [UInt8] {
    do {
      return Array(try key.signature(for: bytes))
    } catch {
      throw Fault(.internalError, "SIG-KEY", "signing failed")
    }
  }

  /// The signature of the file at `path` as a file to be written; nil where it is there already.
  ///
  /// - Throws: 65 `IO-SIZE` for a file above 1 GiB; what reading throws.
  public func file(signing path: String) throws(Fault) -> AtomicFile.Content? {
    let signed = try InputFile(path)
    let signature = try signature(of: try signed.readAll(limit: SignatureFile.byteLimit))
    try signed.checkUnchanged()
    let target = SignatureFile.path(of: path)
    if let file = try? InputFile(target),
      (try? file.readAll(limit: SignatureFile.byteCount)) == signature
    {
      return nil
    }
    return (target, signature)
  }

  /// Writes the signature of the file at `path` beside it.
  ///
  /// - Throws: as ``file(signing:)``; what writing throws.
  public func sign(_ path: String) throws(Fault) {
    guard let file = try file(signing: path) else { return }
    try AtomicFile.write(file.path, bytes: file.bytes)
  }
}
