import Faults
import Files
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite struct AtomicFileTests {
  private static let content = [UInt8]((0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })

  @Test func leftoversOfOneOutputAreRemovedAlone() throws {
    try withTemporaryDirectory { folder in
      for name in [".a.tmp-1-1", ".a.b.tmp-1-1", ".b.tmp-1-1", ".a.tmp-1-x"] {
        try AtomicFile.write(Paths.join(folder, name), text: "x")
      }
      #expect(try AtomicFile.removeLeftovers(of: Paths.join(folder, "a")) == 1)
      #expect(try Paths.entries(of: folder) == [".a.b.tmp-1-1", ".a.tmp-1-x", ".b.tmp-1-1"])
    }
  }

  @Test func replacesTheOldFileAndReportsSizeAndDigest() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "out.bin")
      try AtomicFile.write(path, text: "old")
      let written = try AtomicFile.write(path, bytes: AtomicFileTests.content)
      #expect(written.byteCount == 10_000)
      #expect(written.digest == SHA256Digest.of(AtomicFileTests.content))
      #expect(try InputFile(path).readAll(limit: 20_000) == AtomicFileTests.content)
      #expect(try Paths.entries(of: folder) == ["out.bin"])
    }
  }

  @Test func writesAnEmptyFile() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "empty")
      #expect(try AtomicFile.write(path, bytes: []).byteCount == 0)
      #expect(try InputFile(path).byteCount == 0)
    }
  }

  @Test func linkIsReplacedAndItsTargetKept() throws {
    try withTemporaryDirectory { (folder) throws in
      let (target, link) = (Paths.join(folder, "target"), Paths.join(folder, "link"))
      try AtomicFile.write(target, text: "kept")
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
      try AtomicFile.write(link, text: "new")
      #expect(try InputFile(target).readAll(limit: 10) == Array("kept".utf8))
      #expect(try InputFile(link).readAll(limit: 10) == Array("new".utf8))
    }
  }

  @Test func missingDirectoryAndDirectoryTargetCannotBeCreated() throws {
    try withTemporaryDirectory { (folder) throws in
      let missing = fault { () throws(Fault) in
        try AtomicFile.write(Paths.join(folder, "absent/out"), bytes: [1])
      }
      #expect(missing?.kind == .cannotCreate)
      #expect(missing?.code == "OUT-CREATE")
      let directory = fault { () throws(Fault) in try AtomicFile.write(folder, bytes: [1]) }
      #expect(directory?.kind == .cannotCreate)
    }
    // A device is never replaced by a file.
    #expect(
      fault { () throws(Fault) in try AtomicFile.write("/dev/null", bytes: [1]) }?.kind
        == .cannotCreate)
  }

  @Test func faultOfTheBodyLeavesNothing() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "out")
      let found = fault { () throws(Fault) in
        try AtomicFile.write(path) { (sink) throws(Fault) in
          try sink.append([1, 2, 3])
          throw Fault(.badData, "BODY", "refused")
        }
      }
      #expect(found?.code == "BODY")
      #expect(try Paths.entries(of: folder).isEmpty)
    }
  }

  // MARK: - Injected faults

  /// One call of the write path failing with one error number.
  struct Injection: Sendable, CustomTestStringConvertible {
    let call: String
    let number: Int32
    let kind: Fault.Kind
    let code: String
    var testDescription: String { "\(call) fails with \(number): \(code)" }
  }

  static let injections: [Injection] = [
    Injection(call: "open", number: EACCES, kind: .cannotCreate, code: "OUT-CREATE"),
    Injection(call: "open", number: ENOSPC, kind: .temporary, code: "OUT-FULL"),
    Injection(call: "open", number: EMFILE, kind: .resources, code: "IO-LIMIT"),
    Injection(call: "reserve", number: ENOSPC, kind: .temporary, code: "OUT-FULL"),
    Injection(call: "write", number: ENOSPC, kind: .temporary, code: "OUT-FULL"),
    Injection(call: "write", number: EDQUOT, kind: .temporary, code: "OUT-FULL"),
    Injection(call: "write", number: EFBIG, kind: .io, code: "OUT-WRITE"),
    Injection(call: "write", number: EIO, kind: .io, code: "OUT-WRITE"),
    Injection(call: "sync", number: EIO, kind: .io, code: "OUT-WRITE"),
    Injection(call: "sync", number: ENOSPC, kind: .temporary, code: "OUT-FULL"),
    Injection(call: "close", number: EIO, kind: .io, code: "OUT-WRITE"),
    Injection(call: "close", number: ENOSPC, kind: .temporary, code: "OUT-FULL"),
    Injection(call: "rename", number: EACCES, kind: .cannotCreate, code: "OUT-CREATE"),
    Injection(call: "rename", number: EXDEV, kind: .cannotCreate, code: "OUT-CREATE"),
    Injection(call: "rename", number: ENOSPC, kind: .temporary, code: "OUT-FULL"),
  ]

  @Test(arguments: injections)
  func oldFileSurvivesAndNoTemporaryStays(_ injection: Injection) throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "out.bin")
      try AtomicFile.write(path, text: "old")
      let number = injection.number
      var calls = SystemCalls.posix
      switch injection.call {
      case "open": calls.open = { _, mode in mode == .createNew ? -number : -EIO }
      case "reserve": calls.reserve = { _, _ in -number }
      case "write": calls.write = { _, _ in -Int(number) }
      case "sync": calls.sync = { _ in -number }
      case "close":
        calls.close = { descriptor in
          _ = SystemCalls.posix.close(descriptor)
          return -number
        }
      default: calls.rename = { _, _ in -number }
      }
      let failing = calls
      let found = fault { () throws(Fault) in
        try AtomicFile.write(path, bytes: AtomicFileTests.content, calls: failing)
      }
      #expect(found?.kind == injection.kind)
      #expect(found?.code == injection.code)
      #expect(found?.path == path)
      if injection.code == "OUT-FULL" { #expect(found?.reason.contains("bytes free") == true) }
      #expect(try InputFile(path).readAll(limit: 10) == Array("old".utf8))
      #expect(try Paths.entries(of: folder) == ["out.bin"])
    }
  }

  @Test func fullDiskNamesNeededAndFreeBytes() throws {
    // /dev/full takes no byte: the kernel itself answers.
    try withTemporaryDirectory { (folder) throws in
      var calls = SystemCalls.posix
      calls.write = { _, bytes in
        let descriptor = open("/dev/full", O_WRONLY)
        defer { close(descriptor) }
        return SystemCalls.posix.write(descriptor, bytes)
      }
      let full = calls
      let found = fault { () throws(Fault) in
        try AtomicFile.write(
          Paths.join(folder, "out"), bytes: AtomicFileTests.content, calls: full)
      }
      #expect(found?.exitCode == 75)
      #expect(found?.reason.contains("needs 10000 bytes") == true)
      #expect(try Paths.entries(of: folder).isEmpty)
    }
  }

  @Test(arguments: [1, 7, 4096])
  func shortWritesAndInterruptsGiveACompleteFile(pieceSize: Int) throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "out")
      let count = Atomic<Int>(0)
      var calls = SystemCalls.posix
      calls.write = { descriptor, bytes in
        if count.add(1, ordering: .relaxed).newValue % 3 == 0 { return -Int(EINTR) }
        let piece = UnsafeRawBufferPointer(rebasing: bytes.prefix(pieceSize))
        return SystemCalls.posix.write(descriptor, piece)
      }
      let slow = calls
      let written = try AtomicFile.write(path, bytes: AtomicFileTests.content, calls: slow)
      #expect(written.digest == SHA256Digest.of(AtomicFileTests.content))
      #expect(try InputFile(path).readAll(limit: 20_000) == AtomicFileTests.content)
    }
  }

  @Test func everyWriteFailingOnceFailsCleanlyUntilNoneFails() throws {
    // The SQLite loop: let the Nth write fail, N = 1, 2, …, until a run meets no failure.
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "out")
      for failing in 1...20 {
        let count = Atomic<Int>(0)
        var calls = SystemCalls.posix
        calls.write = { descriptor, bytes in
          if count.add(1, ordering: .relaxed).newValue == failing { return -Int(ENOSPC) }
          return SystemCalls.posix.write(
            descriptor, UnsafeRawBufferPointer(rebasing: bytes.prefix(1000)))
        }
        let injected = calls
        let found = fault { () throws(Fault) in
          try AtomicFile.write(path, bytes: AtomicFileTests.content, calls: injected)
        }
        guard failing <= 10 else {
          #expect(found == nil)
          #expect(try Paths.entries(of: folder) == ["out"])
          break
        }
        #expect(found?.code == "OUT-FULL")
        #expect(try Paths.entries(of: folder).isEmpty)
      }
    }
  }

  @Test func writeThatLiesAboutItsBytesIsCaught() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "out")
      var short = SystemCalls.posix
      short.reserve = { _, _ in -EOPNOTSUPP }
      short.write = { descriptor, bytes in
        _ = SystemCalls.posix.write(
          descriptor, UnsafeRawBufferPointer(rebasing: bytes.dropLast(1)))
        return bytes.count
      }
      var wrong = SystemCalls.posix
      wrong.write = { descriptor, bytes in
        let zeros = [UInt8](repeating: 0, count: bytes.count)
        return zeros.withUnsafeBytes { SystemCalls.posix.write(descriptor, $0) }
      }
      for calls in [short, wrong] {
        let found = fault { () throws(Fault) in
          try AtomicFile.write(path, bytes: AtomicFileTests.content, calls: calls)
        }
        #expect(found?.code == "OUT-SHORT")
        #expect(found?.kind == .io)
        #expect(try Paths.entries(of: folder).isEmpty)
      }
    }
  }

  @Test func directoryThatCannotBeSynchronisedIsReported() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "out")
      let count = Atomic<Int>(0)
      var calls = SystemCalls.posix
      calls.sync = { descriptor in
        count.add(1, ordering: .relaxed).newValue == 2 ? -EIO : SystemCalls.posix.sync(descriptor)
      }
      let failing = calls
      let found = fault { () throws(Fault) in
        try AtomicFile.write(path, bytes: [1], calls: failing)
      }
      #expect(found?.code == "OUT-SYNC")
      #expect(try InputFile(path).byteCount == 1)
    }
  }

  // MARK: - Leftovers

  @Test func leftoversOfOurPatternAreRemovedUnlessHeld() throws {
    try withTemporaryDirectory { (folder) throws in
      let names = [
        ".a.loraxs.tmp-123-4", ".tmp-1-2", ".a.tmp-1-", ".a.tmp-x-1", "a.tmp-1-2", "keep.bin",
      ]
      for name in names {
        #expect(FileManager.default.createFile(atPath: Paths.join(folder, name), contents: nil))
      }
      let held = Paths.join(folder, ".b.tmp-9-9")
      #expect(FileManager.default.createFile(atPath: held, contents: nil))
      let descriptor = open(held, O_RDWR)
      flock(descriptor, LOCK_EX)
      #expect(try AtomicFile.removeLeftovers(in: folder) == 1)
      #expect(
        try Paths.entries(of: folder) == [
          ".a.tmp-1-", ".a.tmp-x-1", ".b.tmp-9-9", ".tmp-1-2", "a.tmp-1-2", "keep.bin",
        ])
      close(descriptor)
      #expect(try AtomicFile.removeLeftovers(in: folder) == 1)
    }
  }
}
