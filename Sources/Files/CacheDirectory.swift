public import Faults
import Synchronization

/// The directory of all caches, and the one place that decides what goes when they take too much (`formats/tuning.md` §6).
///
/// Files are named by digests of all that they depend on: nothing in it is ever out of date, all of it may be deleted at
/// any time, and several processes share it: what another one removes at the same moment is missing, no error.
public final class CacheDirectory: Sendable {
  /// What all caches may take where nobody says: 20 GiB.
  public static let defaultByteLimit = 20 << 30

  /// The directory.
  public let path: String
  /// Bytes that all entries may take.
  public let byteLimit: Int

  private let state = Mutex(State())

  private struct State {
    /// Bytes that may be written before entries are counted again.
    var room = 0
    /// Paths of entries that are read again and again through this value.
    var held: Set<String> = []
    /// Bytes of entries that have room and are not there yet: other threads are at them.
    var coming: [String: Int] = [:]
  }

  /// Far more files than one cache has.
  private static let mostFiles = 10_000_000

  /// The caches at `path`, which is made when the first entry is written.
  public init(_ path: String, byteLimit: Int = defaultByteLimit) {
    self.path = path
    self.byteLimit = byteLimit
  }

  // MARK: - Names

  /// The folder of a kind.
  public func folder(_ kind: CacheKind) -> String {
    Paths.join(path, "\(kind.folder.name)-\(kind.folder.version)")
  }

  /// The file of an entry, whether there is one or not.
  public func path(_ kind: CacheKind, _ digest: SHA256Digest) -> String {
    Paths.join(folder(kind), digest.hex + kind.suffix)
  }

  /// The entries, those of earlier versions too; all kinds or some.
  ///
  /// - Throws: 66 where a folder cannot be read; a missing one is empty.
  public func entries(_ kinds: [CacheKind] = CacheKind.allCases) throws(Fault) -> [CacheEntry] {
    guard Paths.kind(of: path) == .directory else { return [] }
    var result: [CacheEntry] = []
    for name in try Paths.entries(of: path) {
      let kinds = kinds.filter { $0.lies(in: name) }
      let folder = Paths.join(path, name)
      guard !kinds.isEmpty, Paths.kind(of: folder) == .directory else { continue }
      for file in try Paths.entries(of: folder, limit: CacheDirectory.mostFiles) {
        guard let kind = kinds.first(where: { file.hasSuffix($0.suffix) }),
          let digest = SHA256Digest(hex: String(file.dropLast(kind.suffix.count))),
          // An entry may vanish between listing and opening: another process makes room.
          let input = try? InputFile(Paths.join(folder, file))
        else { continue }
        result.append(
          CacheEntry(
            kind: kind, digest: digest, path: input.path, byteCount: input.byteCount,
            lastUse: input.modificationNanoseconds))
      }
    }
    return result
  }

  // MARK: - Use

  /// Says that an entry was read: it goes after those that were not.
  public func noteUse(of path: String) { Paths.touch(path) }

  /// Says that an entry was read or written and will be again: while this value lives, it makes no room.
  public func hold(_ path: String) {
    state.withLock { _ = $0.held.insert(path) }
    noteUse(of: path)
  }

  // MARK: - Room

  /// Makes the folder of `path` and room for `byteCount` more bytes: where they do not fit, the least recently used
  /// entries go, and a tenth of the limit beyond that, so that a full cache is not listed at every write.
  ///
  /// Other processes write too, so entries are counted again after every sixteenth of the limit.
  ///
  /// - Throws: 71 `CACHE-LIMIT` where so many do not fit beside what is held, and nothing is removed; what making a
  ///   folder and listing throw.
  public func makeRoom(for path: String, _ byteCount: Int) throws(Fault) {
    try state.withLock { (state) throws(Fault) in
      if byteCount > state.room { state.room = try room(for: byteCount, beside: &state) }
      state.room -= byteCount
      state.coming[path] = byteCount
    }
    try Paths.makeDirectory(Paths.parent(of: path))
  }

  private func room(for byteCount: Int, beside state: inout State) throws(Fault) -> Int {
    let entries = try entries()
    for entry in entries { state.coming[entry.path] = nil }
    let (held, coming) = (state.held, state.coming.values.reduce(0, +))
    var total = entries.reduce(coming) { $0 + $1.byteCount }
    if byteCount > byteLimit - total {
      let removable = entries.filter { !held.contains($0.path) }
      let least = removable.reduce(total) { $0 - $1.byteCount }
      if byteCount <= byteLimit - least {
        let removed = remove(removable, of: total, until: byteLimit / 10 * 9 - byteCount)
        total = removed.reduce(total) { $0 - $1.byteCount }
      }
    }
    guard byteCount <= byteLimit - total else {
      throw Fault(
        .resources, "CACHE-LIMIT",
        "an entry finds no room: all caches may take \(byteLimit) bytes, and what is in use stays",
        path: path)
    }
    return max(byteCount, min(byteLimit - total, byteLimit / 16))
  }

  /// Removes the least recently used entries until all take at most `limit` bytes.
  ///
  /// - Returns: What is gone now, which may be less: not every file may be removed.
  public func prune(to limit: Int) throws(Fault) -> [CacheEntry] {
    let entries = try entries()
    return remove(entries, of: entries.reduce(0) { $0 + $1.byteCount }, until: limit)
  }

  private func remove(_ entries: [CacheEntry], of total: Int, until limit: Int) -> [CacheEntry] {
    var (total, removed) = (total, [CacheEntry]())
    for folder in Set(entries.map { Paths.parent(of: $0.path) }) {
      // Half a file of a process that was killed.
      _ = try? AtomicFile.removeLeftovers(in: folder)
    }
    for entry in entries.sorted(by: { ($0.lastUse, $0.path) < ($1.lastUse, $1.path) }) {
      guard total > limit else { break }
      Paths.removeIfPresent(entry.path)
      guard Paths.kind(of: entry.path) == .missing else { continue }
      total -= entry.byteCount
      removed.append(entry)
    }
    return removed
  }
}
