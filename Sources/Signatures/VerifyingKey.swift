import Crypto
public import Faults
import Files

/// A public Ed25519 key (RFC 8032), which checks signatures of files.
public struct VerifyingKey: Sendable {
  private let key: Curve25519.Signing.PublicKey

  init(_ key: Curve25519.Signing.PublicKey) { self.key = key }

  /// The key of 32 bytes.
  ///
  /// - Throws: 65 `SIG-KEY` for any other number of them.
  public init(bytes: [UInt8]) throws(Fault) {
    do {
      key = try Curve25519.Signing.PublicKey(rawRepresentation: bytes)
    } catch {
      throw Fault(.badData, "SIG-KEY", "\(bytes.count) bytes are no public key of Ed25519")
    }
  }

  /// The key in a PEM file of SubjectPublicKeyInfo, as `openssl pkey -pubout` writes it.
  ///
  /// - Throws: 65 or 69 `SIG-KEY`; what reading throws.
  public init(_ path: String) throws(Fault) {
    let bytes = try KeyFile.read(path, .shared)
    do throws(Fault) {
      try self.init(bytes: bytes)
    } catch {
      throw error.at(path: path)
    }
  }

  /// The key's 32 bytes.
  public var bytes: [UInt8] { Array(key.rawRepresentation) }

  /// Whether `signature` is this key's of `bytes`.
  public func isValid(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
    // The library traps on any other number of bytes.
    signature.count == SignatureFile.byteCount && key.isValidSignature(signature, for: bytes)
  }

  /// Checks the signature beside the file at `path`.
  ///
  /// - Throws: 66 `IO-OPEN` where there is none; 65 `SIG-SIZE` where it is none; 65 `SIG-WRONG` where it is another key's, or
  ///   of another file; what reading throws.
  public func check(_ path: String) throws(Fault) {
    let place = SignatureFile.path(of: path)
    let file = try InputFile(place)
    guard file.byteCount == SignatureFile.byteCount else {
      throw Fault(
        .badData, "SIG-SIZE",
        "\(file.byteCount) bytes, a signature has \(SignatureFile.byteCount)", path: place)
    }
    let signature = try file.readAll(limit: SignatureFile.byteCount)
    let signed = try InputFile(path)
    let bytes = try signed.readAll(limit: SignatureFile.byteLimit)
    try signed.checkUnchanged()
    guard isValid(signature, of: bytes) else {
      throw Fault(
        .badData, "SIG-WRONG", "not signed by this key, or changed since", path: path)
    }
  }
}
