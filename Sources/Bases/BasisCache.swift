public import Faults
public import Files

/// Computed bases on disk, one file per weight, named by the SHA-256 of the weight's decoded values.
///
/// Safe to share between processes: files appear whole or not at all, and two writers of one entry
/// write the same bytes. Safe to delete at any time.
public struct BasisCache: Sendable {
  /// Where the entries lie, and what bounds them.
  public let directory: CacheDirectory

  init(_ directory: CacheDirectory) { self.directory = directory }

  /// The entries, by digest; throws as ``CacheDirectory/entries(_:)``.
  public func entries() throws(Fault) -> [CacheEntry] { try directory.entries([.basis, .leading]) }

  /// The file of a weight's entry; entries of leading directions alone stand beside the whole ones.
  func path(for digest: SHA256Digest, isPartial: Bool = false) -> String {
    directory.path(isPartial ? .leading : .basis, digest)
  }

  /// Whether there is a whole entry, which stays from now on.
  func hasWhole(_ digest: SHA256Digest) -> Bool {
    let path = path(for: digest)
    directory.hold(path)
    return Paths.kind(of: path) == .file
  }

  /// The entry of a weight; `isDamaged` where there is a file that cannot be used.
  func read(
    _ digest: SHA256Digest, isPartial: Bool = false
  ) -> (entry: BasisCacheEntry?, isDamaged: Bool) {
    let path = path(for: digest, isPartial: isPartial)
    guard Paths.kind(of: path) == .file else { return (nil, false) }
    do throws(Fault) {
      let entry = try BasisCacheEntry(reading: try InputFile(path), for: digest)
      if entry != nil { directory.hold(path) }
      return (entry, entry == nil)
    } catch {
      // What another process has removed meanwhile is not damaged.
      return (nil, Paths.kind(of: path) != .missing)
    }
  }

  /// Keeps an entry, which may remove others.
  ///
  /// - Throws: 71 `CACHE-LIMIT`; what writing a file throws. Nothing is lost but time.
  func write(_ entry: BasisCacheEntry, for digest: SHA256Digest) throws(Fault) {
    let path = path(for: digest, isPartial: entry.isPartial)
    try directory.makeRoom(for: path, entry.byteCount)
    try entry.write(path, for: digest)
    directory.hold(path)
  }
}
