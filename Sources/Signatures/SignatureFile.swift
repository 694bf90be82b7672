import Faults
import Files

/// The file beside another one that holds its signature (`formats/signatures.md` §1).
public enum SignatureFile {
  /// Bytes of a signature.
  public static let byteCount = 64
  /// The largest file that is signed: all of its bytes are in memory meanwhile.
  static let byteLimit = 1 << 30

  /// Where the signature of the file at `path` lies.
  public static func path(of path: String) -> String { path + ".sig" }
}
