import ArgumentParser
import Faults
import Signatures

/// The key that vouches for what a command makes (`formats/signatures.md`).
struct SigningOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Write Ed25519 signatures beside artifacts and records, FILE.sig: a private key in PEM.",
      valueName: "key"))
  var sign: String?

  /// The key; nil where nothing is to be signed.
  func key() throws(Fault) -> SigningKey? {
    guard let sign else { return nil }
    return try SigningKey(sign)
  }
}
