public import Faults
import Glibc

/// An exclusive lock on a directory, held until the value is released.
///
/// `flock` on the file `.xspress.lock` inside it: the kernel drops the lock of a process that died,
/// so a stale lock needs no clean-up. On NFS this needs version 4.
public final class DirectoryLock: Sendable {
  /// The locked directory.
  public let directory: String
  private let descriptor: Int32

  /// Takes the lock or fails at once.
  ///
  /// - Throws: 75 `LOCK-HELD` naming the process that holds it; 73 `OUT-CREATE`.
  public init(_ directory: String) throws(Fault) {
    let path = Paths.join(directory, ".xspress.lock")
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
        path: directory)
    }
    var host = [CChar](repeating: 0, count: 65)
    gethostname(&host, 64)
    let name = String(
      decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let text = Array("process \(getpid()) on \(name)".utf8)
    // Only a help for people: the lock itself is the kernel's.
    ftruncate(descriptor, 0)
    _ = pwrite(descriptor, text, text.count, 0)
    self.directory = directory
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }
}
