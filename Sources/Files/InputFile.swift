public import Faults
import Glibc

/// A regular file opened for reading by position.
///
/// Files are read with `pread` into owned buffers, never mapped: a mapped file that shrinks ends the
/// process, a short read is an error that can be reported. Only the open descriptor is asked for size
/// and kind, so a renamed or replaced name does not matter.
public final class InputFile: Sendable {
  /// The path as it was given.
  public let path: String
  /// The size when the file was opened.
  public let byteCount: Int

  private let descriptor: Int32
  private let calls: SystemCalls
  private let stamp: FileStamp

  /// Opens a regular file.
  ///
  /// - Throws: 66 `IO-OPEN` when it is missing or unreadable; 65 `PATH` when it is not a regular file
  ///   (a FIFO is refused at once, never waited for).
  public init(_ path: String, calls: SystemCalls = .posix) throws(Fault) {
    if path.utf8.contains(0) {
      throw Fault(.badData, "PATH", "path contains a NUL byte", path: path)
    }
    let descriptor = calls.open(path, .read)
    guard descriptor >= 0 else { throw Fault.cannotOpen(path, errno: -descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let number = errno
      _ = calls.close(descriptor)
      throw Fault.cannotOpen(path, errno: number)
    }
    guard Paths.kind(mode: status.st_mode) == .file else {
      _ = calls.close(descriptor)
      let what = Paths.kind(mode: status.st_mode) == .directory ? "is a directory, " : ""
      throw Fault(.badData, "PATH", "\(what)not a regular file", path: path)
    }
    self.path = path
    self.byteCount = Int(status.st_size)
    self.descriptor = descriptor
    self.calls = calls
    self.stamp = FileStamp(status)
  }

  deinit { _ = calls.close(descriptor) }

  /// When the content was last changed, in nanoseconds since 1970, as of opening.
  public var modificationNanoseconds: Int { stamp.modified[0] * 1_000_000_000 + stamp.modified[1] }

  /// Reads `count` bytes at `offset`.
  ///
  /// - Throws: 74 `IO-READ`; 75 `IO-CHANGED` when the file became shorter; 70 `IO-RANGE` when the
  ///   caller asks beyond the size seen at opening (checked before anything is allocated).
  public func read(at offset: Int, count: Int) throws(Fault) -> [UInt8] {
    try checkRange(offset: offset, count: count)
    var failure: Fault?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(Fault) {
        try read(
          at: offset,
          into: UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: count))
        initialized = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Fills `buffer` with the bytes at `offset`; throws as ``read(at:count:)``.
  public func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(Fault) {
    try checkRange(offset: offset, count: buffer.count)
    var done = 0
    var retries = 0
    while done < buffer.count {
      // Linux moves at most 2³¹ bytes a call; smaller pieces keep a signal's delay short.
      let piece = UnsafeMutableRawBufferPointer(
        rebasing: buffer[done..<min(buffer.count, done + 1 << 28)])
      let count = calls.read(descriptor, piece, offset + done)
      if count > 0 {
        done += count
      } else if count == 0 {
        throw Fault(
          .temporary, "IO-CHANGED",
          "changed while reading: was \(byteCount) bytes, now ends at \(offset + done)", path: path)
      } else if count == -Int(EINTR) || count == -Int(EAGAIN), retries < 1000 {
        retries += 1
      } else {
        throw Fault.cannotRead(path, offset: offset + done, errno: Int32(-count))
      }
    }
  }

  /// The whole file, refused beyond `limit` bytes.
  ///
  /// - Throws: 65 `IO-SIZE` beyond the limit; otherwise as ``read(at:count:)``.
  public func readAll(limit: Int) throws(Fault) -> [UInt8] {
    guard byteCount <= limit else {
      throw Fault(.badData, "IO-SIZE", "\(byteCount) bytes, at most \(limit) expected", path: path)
    }
    return try read(at: 0, count: byteCount)
  }

  /// Checks that size and time of writing are still those of opening; call it after the last read.
  ///
  /// - Throws: 75 `IO-CHANGED`.
  public func checkUnchanged() throws(Fault) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw Fault.cannotRead(path, offset: 0, errno: errno)
    }
    guard FileStamp(status) == stamp else {
      let how =
        status.st_size == byteCount
        ? "written to since it was opened" : "was \(byteCount) bytes, now \(status.st_size)"
      throw Fault(.temporary, "IO-CHANGED", "changed while reading: \(how)", path: path)
    }
  }

  private func checkRange(offset: Int, count: Int) throws(Fault) {
    guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount - offset else {
      throw Fault(
        .internalError, "IO-RANGE",
        "read of \(count) bytes at \(offset) in a file of \(byteCount)", path: path)
    }
  }
}

/// What must not change while a file is read.
///
/// The time of the status is no part of it: a link, another owner or name, or a name less, all of which caches and backups
/// make, change that time and not the content.
private struct FileStamp: Sendable, Equatable {
  let size: Int
  let modified: [Int]

  init(_ status: stat) {
    size = Int(status.st_size)
    modified = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
  }
}
