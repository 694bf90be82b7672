import Checkpoints
public import Faults
public import Files

extension Artifact {
  /// Bytes of each module's digest that an artifact keeps: they name the module that differs, which of another base
  /// is nearly every one; the root digest proves them all.
  public static let digestPrefixLength = 1

  /// SHA-256 over the modules' 32-byte digests in module order: what names a base
  /// (`formats/loraxs.md` §4.5).
  public static func rootDigest(_ digests: [SHA256Digest]) -> SHA256Digest {
    var hasher = SHA256Hasher()
    for digest in digests { hasher.update(digest.bytes) }
    return hasher.finalize()
  }

  /// Checks that the artifact was made for a base, before anything is used.
  ///
  /// - Parameter digest: SHA-256 of the decoded weight of a module, nil when the base has none of that
  ///   name.
  /// - Throws: 65 `ART-BASE` naming the first module that differs; what `digest` throws.
  public func checkBase(
    _ digest: (_ moduleName: String) throws(Fault) -> SHA256Digest?
  ) throws(Fault) {
    var digests: [SHA256Digest] = []
    for module in modules {
      guard let found = try digest(module.moduleName) else {
        throw Fault(
          .badData, "ART-BASE", "the base has no such module", tensor: module.moduleName)
      }
      guard found.bytes.starts(with: module.digestPrefix) else {
        throw Fault(
          .badData, "ART-BASE",
          "made for another base\(named): a weight's SHA-256 begins with "
            + "\(SHA256Digest.hex(Array(found.bytes.prefix(module.digestPrefix.count)))), not "
            + SHA256Digest.hex(module.digestPrefix), tensor: module.moduleName)
      }
      digests.append(found)
    }
    let root = Artifact.rootDigest(digests)
    guard root == metadata.base.rootDigest else {
      throw Fault(
        .badData, "ART-BASE",
        "made for another base\(named): its weights' root digest is \(root.hex.prefix(16)), not "
          + metadata.base.rootDigest.hex.prefix(16))
    }
  }

  /// What the artifact says that its base is called, where it does.
  private var named: String {
    metadata.base.name.map { ", \(Fault.escaped($0, limit: 64))" } ?? ""
  }
}
