public import Faults
import Files

/// The teacher's final hidden states on disk, one file for each chunk of examples (`formats/tuning.md` §3).
///
/// A name is a digest of everything the states depend on, so that nothing is ever out of date. Safe to share between
/// processes and to delete at any time: a file that is missing or damaged costs a teacher pass.
public final class TeacherStateCache: Sendable {
  /// Where the entries lie.
  public let folder: CacheFolder

  private static let digestByteCount = 32

  /// The cache below `cacheDirectory`, which is made when the first entry is written.
  public init(cacheDirectory: String, byteLimit: Int = 2 << 30) {
    folder = CacheFolder(
      Paths.join(cacheDirectory, "teacher-1"), suffix: ".states", byteLimit: byteLimit)
  }

  /// The folder that holds the entries; its name carries the version of the method.
  public var directory: String { folder.directory }

  /// The entries, by digest; throws as ``CacheFolder/entries()``.
  public func entries() throws(Fault) -> [CacheFolder.Entry] { try folder.entries() }

  /// The `count` values kept under `key`; nil where there is no file, or one that is not as it was written.
  func read(_ key: SHA256Digest, count: Int) -> [Float]? {
    let path = folder.path(key)
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
    guard try folder.makeRoom(byteCount) else { return }
    try AtomicFile.write(folder.path(key), expectedByteCount: byteCount) { (sink) throws(Fault) in
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
}
