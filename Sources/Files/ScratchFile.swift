public import Faults
import Glibc
import Synchronization

/// Bytes of this process on disk: a file without a name, gone when the process is.
///
/// Thread-safe: pieces are written once, behind one another, and read back from where they lie.
public final class ScratchFile: Sendable {
  /// Where a piece lies.
  public struct Piece: Sendable, Hashable {
    let offset: Int
    /// Its bytes.
    public let byteCount: Int
  }

  private let descriptor: Int32
  private let directory: String
  private let end = Mutex(0)

  /// A scratch file on the file system of `directory`.
  ///
  /// - Throws: 73 `OUT-CREATE` or 75 where no file can be made there.
  public init(in directory: String, calls: SystemCalls = .posix) throws(Fault) {
    var descriptor = calls.open(directory, .nameless)
    if [-EOPNOTSUPP, -EISDIR, -ENOENT, -EINVAL].contains(descriptor) {
      // A file system that cannot. The name is one of temporary files, which the next run removes where this fails.
      let path = AtomicFile.temporaryPath(for: Paths.join(directory, "scratch"))
      descriptor = calls.open(path, .createNew)
      if descriptor >= 0 { _ = calls.unlink(path) }
    }
    guard descriptor >= 0 else {
      throw Fault.cannotWrite(directory, step: "create", errno: -descriptor, needed: nil)
    }
    self.descriptor = descriptor
    self.directory = directory
  }

  deinit { close(descriptor) }

  /// Writes `bytes` behind what is there.
  ///
  /// - Throws: 75 where the disk is full.
  public func append(_ bytes: UnsafeRawBufferPointer) throws(Fault) -> Piece {
    let offset = end.withLock { end in
      defer { end += bytes.count }
      return end
    }
    var done = 0
    while done < bytes.count {
      let piece = UnsafeRawBufferPointer(rebasing: bytes[done..<min(bytes.count, done + 1 << 28)])
      let count = pwrite(descriptor, piece.baseAddress, piece.count, offset + done)
      if count > 0 {
        done += count
      } else if count == 0 || errno != EINTR {
        throw Fault.cannotWrite(
          directory, step: "write", errno: count == 0 ? EIO : errno, needed: bytes.count)
      }
    }
    return Piece(offset: offset, byteCount: bytes.count)
  }

  /// Reads the first bytes of `piece` that `buffer` holds.
  ///
  /// - Throws: 74 where the file does not give them back.
  public func read(_ piece: Piece, into buffer: UnsafeMutableRawBufferPointer) throws(Fault) {
    let wanted = min(piece.byteCount, buffer.count)
    var done = 0
    while done < wanted {
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<wanted])
      let count = pread(descriptor, part.baseAddress, part.count, piece.offset + done)
      if count > 0 {
        done += count
      } else if count == 0 || errno != EINTR {
        throw Fault.cannotRead(
          directory, offset: piece.offset + done, errno: count == 0 ? EIO : errno)
      }
    }
  }
}
