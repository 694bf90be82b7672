public import Faults
public import Files

/// Computed bases on disk, one file per weight, named by the SHA-256 of the weight's decoded values.
///
/// Safe to share between processes: files appear whole or not at all, and two writers of one entry
/// write the same bytes. Safe to delete at any time.
public struct BasisCache: Sendable {
  /// A file in the cache.
  public struct Entry: Sendable, Hashable {
    /// SHA-256 of the weight.
    public let digest: SHA256Digest
    /// Where it lies.
    public let path: String
    /// Its size.
    public let byteCount: Int
  }

  /// The folder that holds the entries, below the cache directory.
  ///
  /// Its name carries the version of the method and of the file: another way gives another folder.
  public let directory: String

  private static let folder = "bases-2"
  private static let suffix = ".basis"
  /// Entries of leading directions alone stand beside the whole ones.
  private static let partialSuffix = ".leading"

  /// The cache below `cacheDirectory`, which is made when the first entry is written.
  public init(cacheDirectory: String) {
    directory = Paths.join(cacheDirectory, BasisCache.folder)
  }

  /// The entries, by digest.
  ///
  /// - Throws: 66 where the folder cannot be read; a missing folder is an empty cache.
  public func entries() throws(Fault) -> [Entry] {
    guard Paths.kind(of: directory) == .directory else { return [] }
    var result: [Entry] = []
    for name in try Paths.entries(of: directory) {
      let suffixes = [BasisCache.suffix, BasisCache.partialSuffix]
      guard let suffix = suffixes.first(where: name.hasSuffix),
        let digest = SHA256Digest(hex: String(name.dropLast(suffix.count)))
      else { continue }
      let path = Paths.join(directory, name)
      // An entry may vanish between listing and opening: another process prunes.
      guard let file = try? InputFile(path) else { continue }
      result.append(Entry(digest: digest, path: path, byteCount: file.byteCount))
    }
    return result
  }

  func path(for digest: SHA256Digest, isPartial: Bool = false) -> String {
    Paths.join(
      directory, digest.hex + (isPartial ? BasisCache.partialSuffix : BasisCache.suffix))
  }

  /// The entry of a weight; `isDamaged` where there is a file that cannot be used.
  func read(
    _ digest: SHA256Digest, isPartial: Bool = false
  ) -> (entry: BasisCacheEntry?, isDamaged: Bool) {
    let path = path(for: digest, isPartial: isPartial)
    guard Paths.kind(of: path) == .file else { return (nil, false) }
    do throws(Fault) {
      let entry = try BasisCacheEntry(reading: try InputFile(path), for: digest)
      return (entry, entry == nil)
    } catch {
      return (nil, true)
    }
  }

  func write(_ entry: BasisCacheEntry, for digest: SHA256Digest) throws(Fault) {
    try Paths.makeDirectory(directory)
    try entry.write(path(for: digest, isPartial: entry.isPartial), for: digest)
  }
}
