import Glibc

/// The system calls that reading and writing use, as replaceable functions.
///
/// Every function returns its result, or the negated `errno`. Tests replace one of them to make the
/// Nth call fail (`formats/errors.md` §4); everything else uses ``posix``.
public struct SystemCalls: Sendable {
  /// How ``open`` opens a path.
  public enum OpenMode: Sendable {
    /// For reading; never blocks on a FIFO and never becomes a controlling terminal.
    case read
    /// A new file for writing and reading back; fails when the name exists.
    case createNew
    /// A new file without a name on the file system of a directory, gone when it is closed.
    case nameless
    /// A lock file: created when missing, kept when present, never through a link.
    case lock
    /// A directory, to synchronise its entries.
    case directory
  }

  /// Opens a path; the descriptor is closed on `exec`.
  public var open: @Sendable (String, OpenMode) -> Int32
  /// Reads at a position; may read fewer bytes than asked, 0 at the end.
  public var read: @Sendable (Int32, UnsafeMutableRawBufferPointer, Int) -> Int
  /// Writes at the current position; may write fewer bytes than given.
  public var write: @Sendable (Int32, UnsafeRawBufferPointer) -> Int
  /// Reserves disk space for the first bytes of a file.
  public var reserve: @Sendable (Int32, Int) -> Int32
  /// The size of an open file.
  public var size: @Sendable (Int32) -> Int
  /// Forces an open file or directory to the disk.
  public var sync: @Sendable (Int32) -> Int32
  /// Forces several open files or directories to the disk, at once where the system can.
  public var syncTogether: @Sendable ([Int32]) -> [Int32]
  /// Closes a descriptor.
  public var close: @Sendable (Int32) -> Int32
  /// Renames the first path to the second, replacing it.
  public var rename: @Sendable (String, String) -> Int32
  /// Removes a name.
  public var unlink: @Sendable (String) -> Int32

  /// `O_TMPFILE`, a macro that is not imported.
  private static let temporaryFile = 0o20_000_000 | O_DIRECTORY

  /// The calls of the running system.
  public static let posix = SystemCalls(
    open: { path, mode in
      let flags: Int32 =
        switch mode {
        case .read: O_RDONLY | O_NONBLOCK | O_NOCTTY
        case .createNew: O_RDWR | O_CREAT | O_EXCL
        case .nameless: O_RDWR | temporaryFile
        case .lock: O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
        case .directory: O_RDONLY | O_DIRECTORY
        }
      return result { Glibc.open(path, flags | O_CLOEXEC, 0o644) }
    },
    read: { descriptor, buffer, offset in
      let count = Glibc.pread(descriptor, buffer.baseAddress, buffer.count, offset)
      return count < 0 ? -Int(errno) : count
    },
    write: { descriptor, buffer in
      let count = Glibc.write(descriptor, buffer.baseAddress, buffer.count)
      return count < 0 ? -Int(errno) : count
    },
    reserve: { descriptor, count in -posix_fallocate(descriptor, 0, count) },
    size: { descriptor in
      var status = stat()
      return fstat(descriptor, &status) == 0 ? Int(status.st_size) : -Int(errno)
    },
    sync: { descriptor in result { fsync(descriptor) } },
    syncTogether: { asynchronously($0) },
    close: { descriptor in
      let status = Glibc.close(descriptor)
      // Linux has closed it then: again it would be another file's descriptor.
      return status < 0 && errno != EINTR ? -errno : 0
    },
    rename: { source, target in result { Glibc.rename(source, target) } },
    unlink: { path in result { Glibc.unlink(path) } })

  /// Writes all of `bytes`, however few the system takes at a time; the error number, 0 for none.
  public func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int32 {
    var rest = bytes
    while !rest.isEmpty {
      let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 28)))
      if count > 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
      } else if count != -Int(EINTR) {
        // A write of nothing that reports no error would loop for ever.
        return count == 0 ? EIO : Int32(-count)
      }
    }
    return 0
  }

  /// `fsync` of each by the threads that the C library keeps for it, which do nothing but wait.
  private static func asynchronously(_ descriptors: [Int32]) -> [Int32] {
    var blocks = [aiocb](repeating: aiocb(), count: descriptors.count)
    return blocks.withUnsafeMutableBufferPointer { blocks in
      // 0 where the request was taken.
      let requests = descriptors.indices.map { index in
        blocks[index].aio_fildes = descriptors[index]
        blocks[index].aio_sigevent.sigev_notify = Int32(SIGEV_NONE)
        return aio_fsync(O_SYNC, &blocks[index])
      }
      return descriptors.indices.map { index in
        guard requests[index] == 0 else { return result { fsync(descriptors[index]) } }
        guard let base = blocks.baseAddress else { return -EIO }
        let block = base + index
        while aio_error(block) == EINPROGRESS {
          withUnsafePointer(to: UnsafePointer<aiocb>?(block)) { _ = aio_suspend($0, 1, nil) }
        }
        let status = aio_error(block)
        return aio_return(block) < 0 ? -max(status, 1) : 0
      }
    }
  }

  /// The result of a call of the C library, made again where a signal came between; the negated error number where it
  /// fails.
  static func result(_ call: () -> Int32) -> Int32 {
    while true {
      let result = call()
      guard result < 0 else { return result }
      let number = errno
      if number != EINTR { return -number }
    }
  }
}
