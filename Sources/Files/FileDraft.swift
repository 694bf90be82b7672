import Faults
import Glibc

/// A temporary sibling of a file that is to be replaced: written and read back, made durable, then given the name.
///
/// Whoever has one ends it, by ``place()`` or ``discard()``.
struct FileDraft {
  let path: String
  let descriptor: Int32
  private let temporary: String
  private let sink: FileSink
  private let calls: SystemCalls

  /// Makes the temporary file and has `body` write to it; throws as ``AtomicFile``, and leaves nothing then.
  init(
    _ path: String, expectedByteCount: Int?, calls: SystemCalls,
    body: (FileSink) throws(Fault) -> Void
  ) throws(Fault) {
    self.path = path
    self.calls = calls
    temporary = AtomicFile.temporaryPath(for: path)
    descriptor = calls.open(temporary, .createNew)
    guard descriptor >= 0 else {
      throw Fault.cannotWrite(path, step: "create", errno: -descriptor, needed: expectedByteCount)
    }
    // Held while the file is being written, so that a cleaner leaves it alone.
    flock(descriptor, LOCK_EX | LOCK_NB)
    sink = FileSink(
      descriptor: descriptor, path: path, expectedByteCount: expectedByteCount, calls: calls)
    do throws(Fault) {
      if let expectedByteCount, expectedByteCount > 0 {
        let status = -calls.reserve(descriptor, expectedByteCount)
        // File systems that cannot reserve say so; the writes themselves will tell.
        if status == ENOSPC || status == EDQUOT {
          throw Fault.cannotWrite(
            path, step: "reserve space", errno: status, needed: expectedByteCount)
        }
      }
      try body(sink)
      try sink.verify()
    } catch {
      discard()
      throw error
    }
  }

  /// Closes the file, which is durable by now, and gives it its name; what `status`, of making it so, or a step refuses
  /// leaves the old file.
  func place(synced status: Int32) throws(Fault) -> AtomicFile.Written {
    guard status >= 0 else {
      discard()
      throw Fault.cannotWrite(path, step: "sync", errno: -status)
    }
    do throws(Fault) {
      try FileDraft.check(calls.close(descriptor), path, "close")
      try FileDraft.check(calls.rename(temporary, path), path, "rename into place")
    } catch {
      _ = calls.unlink(temporary)
      throw error
    }
    return AtomicFile.Written(byteCount: sink.byteCount, digest: sink.digest)
  }

  /// Takes back a file that was not placed.
  func discard() {
    _ = calls.close(descriptor)
    _ = calls.unlink(temporary)
  }

  private static func check(_ status: Int32, _ path: String, _ step: String) throws(Fault) {
    if status < 0 { throw Fault.cannotWrite(path, step: step, errno: -status) }
  }
}
