public import Faults
import Glibc

/// The open temporary file of ``AtomicFile``: bytes are appended to it and hashed on the way.
public final class FileSink {
  /// Bytes appended so far.
  public private(set) var byteCount = 0

  private let descriptor: Int32
  private let path: String
  private let expectedByteCount: Int?
  private let calls: SystemCalls
  private var hasher = SHA256Hasher()

  init(descriptor: Int32, path: String, expectedByteCount: Int?, calls: SystemCalls) {
    self.descriptor = descriptor
    self.path = path
    self.expectedByteCount = expectedByteCount
    self.calls = calls
  }

  /// Appends all of `bytes`, however few the system takes at a time.
  ///
  /// - Throws: 75 `OUT-FULL` with the bytes needed and free; 74 `OUT-WRITE`.
  public func append(_ bytes: UnsafeRawBufferPointer) throws(Fault) {
    let failure = calls.writeAll(descriptor, bytes)
    guard failure == 0 else {
      throw Fault.cannotWrite(
        path, step: "write", errno: failure, needed: expectedByteCount ?? byteCount + bytes.count)
    }
    hasher.update(bytes)
    byteCount += bytes.count
  }

  /// Appends bytes; throws as the other form.
  public func append(_ bytes: [UInt8]) throws(Fault) {
    var failure: Fault?
    bytes.withUnsafeBytes { buffer in
      do throws(Fault) { try append(buffer) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// The digest of what was appended.
  var digest: SHA256Digest { hasher.finalize() }

  /// Reads the file back and checks size and digest: a file system that lost bytes is caught
  /// before the name appears.
  func verify() throws(Fault) {
    let size = calls.size(descriptor)
    guard size == byteCount else {
      throw Fault(
        .io, "OUT-SHORT", "wrote \(byteCount) bytes, the file has \(max(size, 0))", path: path)
    }
    var check = SHA256Hasher()
    var buffer = [UInt8](repeating: 0, count: min(1 << 20, max(byteCount, 1)))
    var offset = 0
    while offset < byteCount {
      let wanted = min(buffer.count, byteCount - offset)
      let count = buffer.withUnsafeMutableBytes { raw in
        let got = calls.read(
          descriptor, UnsafeMutableRawBufferPointer(rebasing: raw[..<wanted]), offset)
        if got > 0 { check.update(UnsafeRawBufferPointer(rebasing: raw[..<got])) }
        return got
      }
      if count == -Int(EINTR) { continue }
      guard count != 0 else {
        throw Fault(.io, "OUT-SHORT", "cannot read back at byte \(offset)", path: path)
      }
      guard count > 0 else {
        throw Fault.cannotWrite(path, step: "read back", errno: Int32(-count))
      }
      offset += count
    }
    guard check.finalize() == digest else {
      throw Fault(.io, "OUT-SHORT", "read back other bytes than were written", path: path)
    }
  }
}
