public import Faults
public import Files
import Synchronization

/// The teacher's final hidden states on disk, one file for each chunk of examples (`formats/tuning.md` §3).
///
/// A name is a digest of everything the states depend on, so that nothing is ever out of date. Safe to share between
/// processes and to delete at any time: a file that is missing or damaged costs a teacher pass.
public final class TeacherStateCache: Sendable {
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

  /// The folder that holds the entries, below the cache directory; its name carries the version of the method.
  public let directory: String
  /// Bytes that all entries may take; the oldest make room.
  public let byteLimit: Int
  /// Bytes of the entries, counted at the first write; nil before, and after one that failed.
  private let used = Mutex<Int?>(nil)

  private static let folder = "teacher-1"
  private static let suffix = ".states"
  private static let digestByteCount = 32

  /// The cache below `cacheDirectory`, which is made when the first entry is written.
  public init(cacheDirectory: String, byteLimit: Int = 2 << 30) {
    directory = Paths.join(cacheDirectory, TeacherStateCache.folder)
    self.byteLimit = byteLimit
  }

  /// The entries, by digest.
  ///
  /// - Throws: 66 where the folder cannot be read; a missing folder is an empty cache.
  public func entries() throws(Fault) -> [Entry] {
    guard Paths.kind(of: directory) == .directory else { return [] }
    var result: [Entry] = []
    for name in try Paths.entries(of: directory) where name.hasSuffix(TeacherStateCache.suffix) {
      guard let digest = SHA256Digest(hex: String(name.dropLast(TeacherStateCache.suffix.count)))
      else { continue }
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

  /// The `count` values kept under `key`; nil where there is no file, or one that is not as it was written.
  func read(_ key: SHA256Digest, count: Int) -> [Float]? {
    let path = path(key)
    guard Paths.kind(of: path) == .file, let file = try? InputFile(path),
      file.byteCount == TeacherStateCache.digestByteCount + 4 * count,
      let digest = try? file.read(at: 0, count: TeacherStateCache.digestByteCount)
    else { return nil }
    var values = [Float](repeating: 0, count: count)
    let isRead = values.withUnsafeMutableBytes { raw in
      (try? file.read(at: TeacherStateCache.digestByteCount, into: raw)) != nil
    }
    guard isRead, TeacherStateCache.digest(key, values).bytes == digest else { return nil }
    return values
  }

  /// Keeps `values` under `key`, which may remove the oldest entries.
  ///
  /// - Throws: what writing a file throws; nothing is lost but time.
  func write(_ values: [Float], for key: SHA256Digest) throws(Fault) {
    let byteCount = TeacherStateCache.digestByteCount + 4 * values.count
    guard byteCount <= byteLimit else { return }
    try Paths.makeDirectory(directory)
    try makeRoom(byteCount)
    try AtomicFile.write(path(key), expectedByteCount: byteCount) { (sink) throws(Fault) in
      try sink.append(TeacherStateCache.digest(key, values).bytes)
      var failure: Fault?
      values.withUnsafeBytes { raw in
        do throws(Fault) { try sink.append(raw) } catch { failure = error }
      }
      if let failure { throw failure }
    }
  }

  /// Of the values and of what they belong to: the file of another key is none of this one.
  private static func digest(_ key: SHA256Digest, _ values: [Float]) -> SHA256Digest {
    var hasher = SHA256Hasher()
    hasher.update(key.bytes)
    hasher.update(SHA256Digest.of(values).bytes)
    return hasher.finalize()
  }

  private func path(_ key: SHA256Digest) -> String {
    Paths.join(directory, key.hex + TeacherStateCache.suffix)
  }

  /// Removes the oldest entries until `byteCount` more fit, and a tenth of the limit beyond that, so that a full
  /// cache is not listed at every write.
  private func makeRoom(_ byteCount: Int) throws(Fault) {
    let known = used.withLock { used in
      defer { used = used.map { $0 + byteCount } }
      return used
    }
    if let known, known + byteCount <= byteLimit { return }
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
  }
}
