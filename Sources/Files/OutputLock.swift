public import Faults
import Glibc

/// An exclusive lock on an output, held until the value is released.
///
/// `flock` on a file inside the directory or beside the file: the kernel drops the lock of a process that died,
/// so a stale lock needs no clean-up. On NFS this needs version 4.
public final class OutputLock: Sendable {
  private let descriptor: Int32
  private let leftover: String?

  /// Locks a directory by `.xspress.lock` in it, or fails at once.
  ///
  /// - Throws: 75 `LOCK-HELD` naming the process that holds it; 73 `OUT-CREATE`.
  public convenience init(_ directory: String) throws(Fault) {
    try self.init(
      of: directory, path: Paths.join(directory, ".xspress.lock"), isRemoved: false)
  }

  /// Locks a file that is being made by `FILE.lock` beside it, which is removed with the lock.
  ///
  /// - Throws: as ``init(_:)``.
  public convenience init(file: String) throws(Fault) {
    try self.init(of: file, path: file + ".lock", isRemoved: true)
  }

  private init(of output: String, path: String, isRemoved: Bool) throws(Fault) {
    let descriptor = SystemCalls.posix.open(path, .lock)
    guard descriptor >= 0 else {
      throw Fault.cannotWrite(path, step: "create", errno: -descriptor)
    }
    if flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      let number = errno
      var buffer = [UInt8](repeating: 0, count: 128)
      let count = pread(descriptor, &buffer, buffer.count, 0)
      close(descriptor)
      guard number == EWOULDBLOCK else {
        throw Fault(.io, "LOCK", "cannot lock: \(Fault.text(errno: number))", path: path)
      }
      let holder = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
      throw Fault(
        .temporary, "LOCK-HELD", "in use by \(holder.isEmpty ? "another process" : holder)",
        path: output)
    }
    var host = [CChar](repeating: 0, count: 65)
    gethostname(&host, 64)
    let name = String(
      decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let text = Array("process \(getpid()) on \(name)".utf8)
    // Only a help for people: the lock itself is the kernel's.
    ftruncate(descriptor, 0)
    _ = pwrite(descriptor, text, text.count, 0)
    self.descriptor = descriptor
    leftover = isRemoved ? path : nil
  }

  deinit {
    if let leftover { unlink(leftover) }
    close(descriptor)
  }
}
