/// A file of a cache.
public struct CacheEntry: Sendable, Hashable {
  /// What it is.
  public let kind: CacheKind
  /// What it is named by: a digest of all that it depends on.
  public let digest: SHA256Digest
  /// Where it lies.
  public let path: String
  /// Its size.
  public let byteCount: Int
  /// When it was last written or read, in nanoseconds since 1970.
  public let lastUse: Int
}
