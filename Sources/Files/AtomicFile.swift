public import Faults
import Glibc
import Synchronization

/// Writes files so that a reader sees the old complete file or the new complete one.
///
/// Temporary sibling, full write loop, size and read-back check, `fsync`, `close` checked, `rename`,
/// `fsync` of the directory (`formats/errors.md` §4). After a failed `fsync` nothing is retried: the
/// temporary file is removed and the failure reported.
public enum AtomicFile {
  /// What was written.
  public struct Written: Sendable, Hashable {
    /// Size of the file.
    public let byteCount: Int
    /// SHA-256 of the file.
    public let digest: SHA256Digest
  }

  private static let counter = Atomic<Int>(0)

  /// Replaces `path` by `bytes`.
  ///
  /// - Throws: 73 `OUT-CREATE` when the name cannot be made; 75 `OUT-FULL` when space runs out, with
  ///   the bytes needed and free; 74 `OUT-WRITE` or `OUT-SHORT` otherwise. No temporary file stays.
  @discardableResult
  public static func write(
    _ path: String, bytes: [UInt8], calls: SystemCalls = .posix
  ) throws(Fault) -> Written {
    try write(path, expectedByteCount: bytes.count, calls: calls) { (sink) throws(Fault) in
      try sink.append(bytes)
    }
  }

  /// Replaces `path` by UTF-8 text; throws as the form with bytes.
  @discardableResult
  public static func write(_ path: String, text: String) throws(Fault) -> Written {
    try write(path, bytes: Array(text.utf8))
  }

  /// Replaces `path` by what `body` appends; throws as the form with bytes, or what `body` throws.
  ///
  /// With `expectedByteCount` the space is reserved first, so a full disk is noticed before the work.
  @discardableResult
  public static func write(
    _ path: String, expectedByteCount: Int? = nil, calls: SystemCalls = .posix,
    body: (FileSink) throws(Fault) -> Void
  ) throws(Fault) -> Written {
    let directory = Paths.parent(of: path)
    try checkTarget(path)
    let serial = counter.add(1, ordering: .relaxed).newValue
    let temporary = Paths.join(
      directory, temporaryPrefix(for: Paths.name(of: path)) + "\(getpid())-\(serial)")
    let descriptor = calls.open(temporary, .createNew)
    guard descriptor >= 0 else {
      throw Fault.cannotWrite(path, step: "create", errno: -descriptor, needed: expectedByteCount)
    }
    // Held while the file is being written, so that a cleaner leaves it alone.
    flock(descriptor, LOCK_EX | LOCK_NB)
    var isOpen = true
    do throws(Fault) {
      if let expectedByteCount, expectedByteCount > 0 {
        let status = -calls.reserve(descriptor, expectedByteCount)
        // File systems that cannot reserve say so; the writes themselves will tell.
        if status == ENOSPC || status == EDQUOT {
          throw Fault.cannotWrite(
            path, step: "reserve space", errno: status, needed: expectedByteCount)
        }
      }
      let sink = FileSink(
        descriptor: descriptor, path: path, expectedByteCount: expectedByteCount, calls: calls)
      try body(sink)
      try sink.verify()
      try check(calls.sync(descriptor), path, "sync")
      isOpen = false
      try check(calls.close(descriptor), path, "close")
      try check(calls.rename(temporary, path), path, "rename into place")
      try syncDirectory(directory, path, calls)
      return Written(byteCount: sink.byteCount, digest: sink.digest)
    } catch {
      if isOpen { _ = calls.close(descriptor) }
      _ = calls.unlink(temporary)
      throw error
    }
  }

  /// Removes temporary files of ended runs: names of exactly our pattern that nobody holds.
  ///
  /// - Returns: How many were removed.
  @discardableResult
  public static func removeLeftovers(in directory: String) throws(Fault) -> Int {
    try removeLeftovers(in: directory) { _ in true }
  }

  /// Removes temporary files of one output in the same way; what else lies beside it is no business of its run.
  @discardableResult
  public static func removeLeftovers(of path: String) throws(Fault) -> Int {
    let prefix = temporaryPrefix(for: Paths.name(of: path))
    return try removeLeftovers(in: Paths.parent(of: path)) { $0.utf8.starts(with: prefix.utf8) }
  }

  private static func removeLeftovers(
    in directory: String, where isMeant: (String) -> Bool
  ) throws(Fault) -> Int {
    var removed = 0
    for name in try Paths.entries(of: directory) where isTemporaryName(name) && isMeant(name) {
      let path = Paths.join(directory, name)
      let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      var status = stat()
      guard fstat(descriptor, &status) == 0, Paths.kind(mode: status.st_mode) == .file,
        flock(descriptor, LOCK_EX | LOCK_NB) == 0, unlink(path) == 0
      else { continue }
      removed += 1
    }
    return removed
  }

  private static func temporaryPrefix(for name: String) -> String {
    // 255 bytes is the longest name: leave room for the marks of the temporary one.
    var stem = name
    while stem.utf8.count > 200 { stem.removeLast() }
    return ".\(stem).tmp-"
  }

  /// Whether a name is one of our temporary files': `.NAME.tmp-PID-N` with digits for PID and N.
  public static func isTemporaryName(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    guard bytes.first == UInt8(ascii: ".") else { return false }
    guard let mark = name.range(of: ".tmp-", backwards: true), mark.lowerBound > name.startIndex
    else { return false }
    let parts = name[mark.upperBound...].utf8.split(
      separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    return parts.count == 2
      && parts.allSatisfy { part in
        !part.isEmpty && part.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      }
  }

  /// A device, FIFO or directory is never replaced by a file; a link is replaced, not followed.
  private static func checkTarget(_ path: String) throws(Fault) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    let format = status.st_mode & S_IFMT
    guard format == S_IFREG || format == S_IFLNK else {
      throw Fault(
        .cannotCreate, "OUT-CREATE", "exists and is not a regular file", path: path)
    }
  }

  private static func syncDirectory(
    _ directory: String, _ path: String, _ calls: SystemCalls
  ) throws(Fault) {
    let descriptor = calls.open(directory, .directory)
    guard descriptor >= 0 else {
      throw Fault.cannotWrite(path, step: "open its directory", errno: -descriptor)
    }
    defer { _ = calls.close(descriptor) }
    let status = -calls.sync(descriptor)
    // Some network file systems cannot synchronise directories and say EINVAL.
    if status > 0, status != EINVAL {
      throw Fault(
        .io, "OUT-SYNC",
        "written but not known to be on disk: \(Fault.text(errno: status))", path: path)
    }
  }

  private static func check(_ status: Int32, _ path: String, _ step: String) throws(Fault) {
    if status < 0 { throw Fault.cannotWrite(path, step: step, errno: -status) }
  }
}

extension String {
  /// The place of an ASCII pattern, first or last.
  fileprivate func range(of pattern: String, backwards: Bool) -> Range<String.Index>? {
    let bytes = Array(utf8)
    let wanted = Array(pattern.utf8)
    guard bytes.count >= wanted.count else { return nil }
    var starts = Array(0...(bytes.count - wanted.count))
    if backwards { starts.reverse() }
    for start in starts where Array(bytes[start..<start + wanted.count]) == wanted {
      let lower = utf8.index(startIndex, offsetBy: start)
      return lower..<utf8.index(lower, offsetBy: wanted.count)
    }
    return nil
  }
}
