public import Faults
public import Files
import Synchronization

/// A folder of a cache whose files are named by digests of all that they depend on: nothing in it is ever out of date.
///
/// Safe to share between processes and to delete at any time.
public final class CacheFolder: Sendable {
  /// A file in the cache.
  public struct Entry: Sendable, Hashable {
    /// Its key.
    public let digest: SHA256Digest
    /// Where it lies.
    public let path: String
    /// Its size.
    public let byteCount: Int
    /// When it was last changed, in nanoseconds since 1970.
    let age: Int
  }

  /// The folder.
  public let directory: String
  /// Bytes that all entries may take; the oldest make room.
  public let byteLimit: Int
  /// How names of entries end.
  private let suffix: String
  /// Bytes of the entries, counted at the first write; nil before.
  private let used = Mutex<Int?>(nil)

  init(_ directory: String, suffix: String, byteLimit: Int) {
    self.directory = directory
    self.suffix = suffix
    self.byteLimit = byteLimit
  }

  /// The entries, by digest.
  ///
  /// - Throws: 66 where the folder cannot be read; a missing folder is an empty cache.
  public func entries() throws(Fault) -> [Entry] {
    guard Paths.kind(of: directory) == .directory else { return [] }
    var result: [Entry] = []
    for name in try Paths.entries(of: directory) where name.hasSuffix(suffix) {
      guard let digest = SHA256Digest(hex: String(name.dropLast(suffix.count))) else { continue }
      let path = Paths.join(directory, name)
      // An entry may vanish between listing and opening: another process prunes.
      guard let file = try? InputFile(path) else { continue }
      result.append(
        Entry(
          digest: digest, path: path, byteCount: file.byteCount,
          age: file.modificationNanoseconds))
    }
    return result
  }

  /// The file of an entry, whether there is one or not.
  func path(_ key: SHA256Digest) -> String { Paths.join(directory, key.hex + suffix) }

  /// Makes the folder and removes the oldest entries until `byteCount` more fit, and a tenth of the limit beyond that, so
  /// that a full cache is not listed at every write.
  ///
  /// - Returns: Whether so many can ever fit.
  func makeRoom(_ byteCount: Int) throws(Fault) -> Bool {
    guard byteCount <= byteLimit else { return false }
    try Paths.makeDirectory(directory)
    let known = used.withLock { used in
      defer { used = used.map { $0 + byteCount } }
      return used
    }
    if let known, known + byteCount <= byteLimit { return true }
    var entries = try entries()
    var total = entries.reduce(byteCount) { $0 + $1.byteCount }
    if total > byteLimit {
      entries.sort { ($0.age, $0.path) < ($1.age, $1.path) }
      for entry in entries where total > byteLimit / 10 * 9 {
        Paths.removeIfPresent(entry.path)
        total -= entry.byteCount
      }
    }
    used.withLock { $0 = total }
    return true
  }
}
