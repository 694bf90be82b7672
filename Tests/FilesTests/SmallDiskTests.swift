import Faults
import Files
import Foundation
import TestSupport
import Testing

/// A real full disk: a tmpfs of 1 MiB that only one thread of this process sees.
@Suite struct SmallDiskTests {
  private typealias Unshare = @convention(c) (Int32) -> Int32
  private typealias Mount =
    @convention(c) (
      UnsafePointer<CChar>?, UnsafePointer<CChar>?, UnsafePointer<CChar>?, UInt,
      UnsafePointer<CChar>?
    ) -> Int32

  /// Runs `body` on a thread with its own mounts; nil when this process may not do that.
  private func onSmallDisk<Result: Sendable>(
    at folder: String, _ body: @escaping @Sendable () -> Result
  ) -> Result? {
    let result = Box<Result>()
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
      defer { done.signal() }
      guard let unshareAddress = dlsym(nil, "unshare"), let mountAddress = dlsym(nil, "mount")
      else { return }
      let unshare = unsafeBitCast(unshareAddress, to: Unshare.self)
      let mount = unsafeBitCast(mountAddress, to: Mount.self)
      let (newNamespace, recursivePrivate): (Int32, UInt) = (0x0002_0000, 1 << 14 | 1 << 18)
      guard unshare(newNamespace) == 0, mount("none", "/", nil, recursivePrivate, nil) == 0,
        mount("tmpfs", folder, "tmpfs", 0, "size=1m") == 0
      else { return }
      result.value = body()
    }
    thread.start()
    done.wait()
    return result.value
  }

  private final class Box<Value>: @unchecked Sendable {
    // Written by one thread before the semaphore, read by another after it.
    var value: Value?
  }

  @Test(arguments: [true, false])
  func fullDiskKeepsTheOldFile(reserving: Bool) throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "out")
      let outcome = onSmallDisk(at: folder) { () -> (Fault?, [String], Int)? in
        _ = fault { () throws(Fault) in try AtomicFile.write(path, text: "old") }
        let large = [UInt8](repeating: 7, count: 2 << 20)
        let found = fault { () throws(Fault) in
          if reserving {
            try AtomicFile.write(path, bytes: large)
          } else {
            try AtomicFile.write(path) { (sink) throws(Fault) in try sink.append(large) }
          }
        }
        let entries = try? Paths.entries(of: folder)
        let size = try? InputFile(path).byteCount
        return (found, entries ?? [], size ?? -1)
      }
      // Without the right to mount there is nothing to test here.
      guard case let (found, entries, size)?? = outcome else { return }
      #expect(found?.code == "OUT-FULL")
      #expect(found?.exitCode == 75)
      #expect(found?.reason.contains("needs 2097152 bytes") == true)
      #expect(entries == ["out"])
      #expect(size == 3)
    }
  }
}
