public import Faults
public import Files

/// The teacher's final hidden states on disk, one file for each chunk of examples (`formats/tuning.md` §3).
///
/// A name is a digest of everything the states depend on, so that nothing is ever out of date. Safe to share between
/// processes and to delete at any time: a file that is missing or damaged costs a teacher pass.
public final class TeacherStateCache: Sendable {
  /// Where the entries lie, and what bounds them.
  public let directory: CacheDirectory

  private static let digestByteCount = 32

  /// The cache in `directory`.
  public init(_ directory: CacheDirectory) { self.directory = directory }

  /// The entries, by digest; throws as ``CacheDirectory/entries(_:)``.
  public func entries() throws(Fault) -> [CacheEntry] { try directory.entries([.states]) }

  /// The `count` values kept under `key`; nil where there is no file, or one that is not as it was written.
  func read(_ key: SHA256Digest, count: Int) -> [Float]? {
    let path = directory.path(.states, key)
    guard Paths.kind(of: path) == .file, let file = try? InputFile(path),
      file.byteCount == TeacherStateCache.digestByteCount + 4 * count,
      let digest = try? file.read(at: 0, count: TeacherStateCache.digestByteCount)
    else { return nil }
    var values = [Float](repeating: 0, count: count)
    let isRead = values.withUnsafeMutableBytes { raw in
      (try? file.read(at: TeacherStateCache.digestByteCount, into: raw)) != nil
    }
    guard isRead, TeacherStateCache.digest(key, values).bytes == digest else { return nil }
    directory.noteUse(of: path)
    return values
  }

  /// Keeps `values` under `key`, which may remove others.
  ///
  /// - Throws: 71 `CACHE-LIMIT`; what writing a file throws. Nothing is lost but time.
  func write(_ values: [Float], for key: SHA256Digest) throws(Fault) {
    let byteCount = TeacherStateCache.digestByteCount + 4 * values.count
    let path = directory.path(.states, key)
    try directory.makeRoom(for: path, byteCount)
    try AtomicFile.write(path, expectedByteCount: byteCount) { (sink) throws(Fault) in
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
