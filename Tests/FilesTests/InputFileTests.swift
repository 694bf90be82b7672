import Faults
import Files
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite struct InputFileTests {
  private static let content = [UInt8](0..<200)

  private func withFile(
    calls: SystemCalls = .posix, _ body: (InputFile, String) throws -> Void
  ) throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "in.bin")
      try AtomicFile.write(path, bytes: InputFileTests.content)
      try body(try InputFile(path, calls: calls), path)
    }
  }

  @Test func readsByPosition() throws {
    try withFile { (file, _) throws in
      #expect(file.byteCount == 200)
      #expect(try file.read(at: 0, count: 200) == InputFileTests.content)
      #expect(try file.read(at: 190, count: 10) == [UInt8](190..<200))
      #expect(try file.read(at: 200, count: 0).isEmpty)
      try file.checkUnchanged()
    }
  }

  @Test func shortReadsAndInterruptsGiveTheSameBytes() throws {
    let count = Atomic<Int>(0)
    var calls = SystemCalls.posix
    calls.read = { descriptor, buffer, offset in
      if count.add(1, ordering: .relaxed).newValue % 2 == 0 { return -Int(EINTR) }
      return SystemCalls.posix.read(
        descriptor, UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(1)), offset)
    }
    try withFile(calls: calls) { (file, _) throws in
      #expect(try file.read(at: 0, count: 200) == InputFileTests.content)
    }
  }

  @Test(arguments: [(EIO, Fault.Kind.io, "IO-READ"), (ESTALE, .temporary, "IO-AGAIN")])
  func readErrorNamesTheOffset(number: Int32, kind: Fault.Kind, code: String) throws {
    var calls = SystemCalls.posix
    calls.read = { descriptor, buffer, offset in
      offset < 64
        ? SystemCalls.posix.read(
          descriptor, UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(64)), offset)
        : -Int(number)
    }
    try withFile(calls: calls) { (file, path) throws in
      let found = fault { () throws(Fault) in try file.read(at: 0, count: 200) }
      #expect(found?.kind == kind)
      #expect(found?.code == code)
      #expect(found?.path == path)
      #expect(found?.reason.contains("byte 64") == true)
    }
  }

  @Test func fileThatShrinksIsTemporary() throws {
    try withFile { (file, path) throws in
      truncate(path, 40)
      let found = fault { () throws(Fault) in try file.read(at: 0, count: 200) }
      #expect(found?.exitCode == 75)
      #expect(found?.reason.contains("was 200 bytes, now ends at 40") == true)
      #expect(fault { () throws(Fault) in try file.checkUnchanged() }?.code == "IO-CHANGED")
    }
  }

  @Test func changeInPlaceIsSeenAndReplacementByRenameIsNot() throws {
    try withFile { (file, path) throws in
      try AtomicFile.write(path, text: "another file")
      #expect(try file.read(at: 0, count: 200) == InputFileTests.content)
    }
    try withFile { (file, path) throws in
      let descriptor = open(path, O_WRONLY)
      pwrite(descriptor, [9], 1, 3)
      futimens(descriptor, [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)])
      close(descriptor)
      #expect(fault { () throws(Fault) in try file.checkUnchanged() }?.code == "IO-CHANGED")
    }
  }

  /// Caches and backups link, move and protect files that are being read.
  @Test func whatLeavesTheContentIsNoChange() throws {
    try withFile { (file, path) throws in
      #expect(link(path, path + ".link") == 0)
      #expect(chmod(path, 0o400) == 0)
      #expect(rename(path, path + ".moved") == 0)
      #expect(unlink(path + ".link") == 0)
      try file.checkUnchanged()
      try AtomicFile.write(path + ".moved", text: "another file")
      try file.checkUnchanged()
    }
  }

  @Test func requestBeyondTheEndIsRefusedBeforeAllocating() throws {
    try withFile { (file, _) throws in
      for (offset, count) in [(0, 201), (201, 0), (-1, 1), (1, Int.max), (Int.max, Int.max)] {
        #expect(
          fault { () throws(Fault) in try file.read(at: offset, count: count) }?.code == "IO-RANGE")
      }
      #expect(fault { () throws(Fault) in try file.readAll(limit: 199) }?.code == "IO-SIZE")
    }
  }

  @Test func onlyRegularFilesAreOpened() throws {
    try withTemporaryDirectory { (folder) throws in
      let fifo = Paths.join(folder, "fifo")
      mkfifo(fifo, 0o600)
      // A FIFO without a writer must not make the process wait.
      for path in [fifo, folder, "/dev/zero"] {
        let found = fault { () throws(Fault) in try InputFile(path) }
        #expect(found?.code == "PATH")
        #expect(found?.exitCode == 65)
      }
      let dangling = Paths.join(folder, "dangling")
      symlink("nowhere", dangling)
      let loop = Paths.join(folder, "loop")
      symlink(loop, loop)
      for path in [Paths.join(folder, "absent"), dangling, loop] {
        let found = fault { () throws(Fault) in try InputFile(path) }
        #expect(found?.code == "IO-OPEN")
        #expect(found?.exitCode == 66)
      }
      #expect(fault { () throws(Fault) in try InputFile("a\0b") }?.code == "PATH")
    }
  }

  @Test func descriptorsAreClosed() throws {
    func openCount() throws -> Int { try Paths.entries(of: "/proc/self/fd").count }
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "in")
      try AtomicFile.write(path, text: "x")
      // Other tests run meanwhile: only a leak of our thousand files would show.
      let before = try openCount()
      for _ in 0..<1000 {
        _ = try InputFile(path)
        _ = fault { () throws(Fault) in try InputFile(folder) }
      }
      #expect(try openCount() < before + 500)
    }
  }
}
