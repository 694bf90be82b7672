public import Faults
import Glibc

/// An exclusive lock on an output, held until the value is released.
///
/// `flock` on a file inside the directory or beside the file: the kernel drops the lock of a process that died,
/// so a stale lock needs no clean-up. On NFS this needs version 4. A file of that name which is not such a lock is
/// somebody's: it is neither written nor removed (`formats/errors.md` §4).
public final class OutputLock: Sendable {
  private let descriptor: Int32
  private let path: String
  private let end: End

  /// What becomes of the file when the lock is released.
  private enum End { case kept, removed, emptied }

  /// How the text of every lock begins.
  private static let mark = Array("process ".utf8)

  /// Locks a directory by `.xspress.lock` in it, or fails at once.
  ///
  /// - Throws: 75 `LOCK-HELD` naming the process that holds it; 73 `LOCK` where the file of that name is none of
  ///   ours; 73 `OUT-CREATE`.
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

  /// Takes away the lock beside a file that a process has left which died; one that is held or is not ours stays.
  public static func removeLeft(besideFile file: String) {
    guard Paths.kind(of: file + ".lock") == .file else { return }
    _ = try? OutputLock(file: file)
  }

  private init(of output: String, path: String, isRemoved: Bool) throws(Fault) {
    while true {
      let (descriptor, isNew) = try OutputLock.open(path)
      let end: End
      do throws(Fault) {
        let wasEmpty = try OutputLock.acquire(descriptor, of: output, path: path)
        // An empty file that was there may be anybody's.
        end = wasEmpty && !isNew ? .emptied : isRemoved ? .removed : .kept
        // Whoever held it before may have removed the name between our opening and locking it.
        guard OutputLock.isStill(descriptor, at: path) else {
          close(descriptor)
          continue
        }
        OutputLock.sign(descriptor)
      } catch {
        if isNew, OutputLock.isStill(descriptor, at: path) { unlink(path) }
        close(descriptor)
        throw error
      }
      self.descriptor = descriptor
      self.path = path
      self.end = end
      return
    }
  }

  deinit {
    // The name may have become another file's.
    switch end {
    case .removed where OutputLock.isStill(descriptor, at: path): unlink(path)
    case .emptied: ftruncate(descriptor, 0)
    case .kept, .removed: break
    }
    close(descriptor)
  }

  private static func open(
    _ path: String
  ) throws(Fault) -> (descriptor: Int32, isNew: Bool) {
    var descriptor = SystemCalls.posix.open(path, .createNew)
    let isNew = descriptor >= 0
    if descriptor == -EEXIST { descriptor = SystemCalls.posix.open(path, .lock) }
    guard descriptor >= 0 else {
      if descriptor == -ELOOP { throw foreign(path, "is a link") }
      throw Fault.cannotWrite(path, step: "create", errno: -descriptor)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, Paths.kind(mode: status.st_mode) == .file else {
      close(descriptor)
      throw foreign(path, "is not a regular file")
    }
    return (descriptor, isNew)
  }

  /// - Returns: Whether the file is empty.
  private static func acquire(
    _ descriptor: Int32, of output: String, path: String
  ) throws(Fault) -> Bool {
    let isHeld = flock(descriptor, LOCK_EX | LOCK_NB) != 0
    let number = errno
    if isHeld, number != EWOULDBLOCK {
      throw Fault(.io, "LOCK", "cannot lock: \(Fault.text(errno: number))", path: path)
    }
    let text = try content(of: descriptor, path: path)
    // One that was killed between making the file and signing it leaves it empty.
    guard text.isEmpty || text.starts(with: mark) else {
      throw foreign(path, "is not a lock of this program")
    }
    guard !isHeld else {
      let holder = String(decoding: text, as: UTF8.self)
      throw Fault(
        .temporary, "LOCK-HELD", "in use by \(holder.isEmpty ? "another process" : holder)",
        path: output)
    }
    return text.isEmpty
  }

  /// How the file begins: what cannot be read may be anybody's.
  private static func content(
    of descriptor: Int32, path: String
  ) throws(Fault) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 128)
    while true {
      let count = buffer.withUnsafeMutableBytes { SystemCalls.posix.read(descriptor, $0, 0) }
      if count >= 0 { return Array(buffer.prefix(count)) }
      guard count == -Int(EINTR) else {
        throw Fault.cannotRead(path, offset: 0, errno: Int32(-count))
      }
    }
  }

  private static func foreign(_ path: String, _ what: String) -> Fault {
    Fault(
      .cannotCreate, "LOCK", "\(what) and stands where the lock of the output belongs; move it",
      path: path)
  }

  /// Only a help for people: the lock itself is the kernel's.
  private static func sign(_ descriptor: Int32) {
    var host = [CChar](repeating: 0, count: 65)
    gethostname(&host, 64)
    let name = String(
      decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let text = Array("process \(getpid()) on \(name)".utf8)
    if pwrite(descriptor, text, text.count, 0) == text.count {
      ftruncate(descriptor, text.count)
    }
  }

  /// Whether `path` is a name of the open file.
  private static func isStill(_ descriptor: Int32, at path: String) -> Bool {
    var (open, named) = (stat(), stat())
    return fstat(descriptor, &open) == 0 && lstat(path, &named) == 0
      && open.st_dev == named.st_dev && open.st_ino == named.st_ino
  }
}
