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
    try checkTarget(path)
    let draft = try FileDraft(
      path, expectedByteCount: expectedByteCount, calls: calls, body: body)
    let written = try draft.place(synced: calls.sync(draft.descriptor))
    let directory = calls.open(Paths.parent(of: path), .directory)
    guard directory >= 0 else {
      throw Fault.cannotWrite(path, step: "open its directory", errno: -directory)
    }
    defer { _ = calls.close(directory) }
    try checkDirectory(calls.sync(directory), path)
    return written
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
    let names = try Paths.entries(of: directory, limit: mostEntries)
    for name in names where isTemporaryName(name) && isMeant(name) {
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

  private static let counter = Atomic<Int>(0)

  /// A name for a temporary sibling of `path`, another one at every call.
  static func temporaryPath(for path: String) -> String {
    let serial = counter.add(1, ordering: .relaxed).newValue
    return Paths.join(
      Paths.parent(of: path), temporaryPrefix(for: Paths.name(of: path)) + "\(getpid())-\(serial)")
  }

  /// More than any folder of outputs has.
  private static let mostEntries = 10_000_000

  static func temporaryPrefix(for name: String) -> String {
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
  static func checkTarget(_ path: String) throws(Fault) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    let format = status.st_mode & S_IFMT
    guard format == S_IFREG || format == S_IFLNK else {
      throw Fault(
        .cannotCreate, "OUT-CREATE", "exists and is not a regular file", path: path)
    }
  }

  /// What synchronising the directory of `path` came to.
  static func checkDirectory(_ status: Int32, _ path: String) throws(Fault) {
    // Some network file systems cannot synchronise directories and say EINVAL.
    if status < 0, status != -EINVAL {
      throw Fault(
        .io, "OUT-SYNC",
        "written but not known to be on disk: \(Fault.text(errno: -status))", path: path)
    }
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
