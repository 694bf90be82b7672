import Faults
import Files
import Glibc
import TestSupport
import Testing

/// The file of a lock may be anybody's.
@Suite struct OutputLockTests {
  private func content(_ path: String) throws -> String {
    String(decoding: try InputFile(path).readAll(limit: 1 << 20), as: UTF8.self)
  }

  @Test func aLinkIsNeitherFollowedNorRemoved() throws {
    try withTemporaryDirectory { folder in
      let victim = Paths.join(folder, "victim")
      try AtomicFile.write(victim, text: "precious")
      for (link, lock) in [("out.lock", "out"), (".xspress.lock", nil)] {
        symlink(victim, Paths.join(folder, link))
        let found = fault { () throws(Fault) in
          if let lock {
            _ = try OutputLock(file: Paths.join(folder, lock))
          } else {
            _ = try OutputLock(folder)
          }
        }
        #expect(found?.code == "LOCK")
        #expect(found?.exitCode == 73)
        #expect(try content(victim) == "precious")
        var status = stat()
        #expect(lstat(Paths.join(folder, link), &status) == 0)
      }
    }
  }

  @Test func aFileOfAnotherKindStaysAsItIs() throws {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "out.lock")
      try AtomicFile.write(path, text: "my notes")
      let found = fault { () throws(Fault) in
        _ = try OutputLock(file: Paths.join(folder, "out"))
      }
      #expect(found?.code == "LOCK" && found?.path == path)
      #expect(try content(path) == "my notes")
      unlink(path)
      mkfifo(path, 0o600)
      #expect(
        fault { () throws(Fault) in _ = try OutputLock(file: Paths.join(folder, "out")) }?.code
          == "LOCK")
    }
  }

  /// An empty file may be a user's: it is used and left empty.
  @Test func anEmptyFileThatWasThereStays() throws {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "out.lock")
      try AtomicFile.write(path, text: "")
      do {
        let lock = try OutputLock(file: Paths.join(folder, "out"))
        #expect(try content(path).hasPrefix("process "))
        withExtendedLifetime(lock) {}
      }
      #expect(try content(path).isEmpty)
    }
  }

  /// The lock of a process that died has its text and goes on as ours.
  @Test func aStaleLockIsTakenOver() throws {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "out.lock")
      try AtomicFile.write(path, text: "process 1 on a machine of a long name, long gone")
      do {
        let lock = try OutputLock(file: Paths.join(folder, "out"))
        #expect(try content(path).hasPrefix("process \(getpid()) on "))
        #expect(try !content(path).contains("long gone"))
        withExtendedLifetime(lock) {}
      }
      #expect(Paths.kind(of: path) == .missing)
    }
  }

  /// What a dead process has left goes; nothing is made, and what is held or somebody's stays.
  @Test func onlyADeadProcessLosesItsLock() throws {
    try withTemporaryDirectory { folder in
      let (file, path) = (Paths.join(folder, "out"), Paths.join(folder, "out.lock"))
      OutputLock.removeLeft(besideFile: file)
      #expect(try Paths.entries(of: folder).isEmpty)
      let lock = try OutputLock(file: file)
      OutputLock.removeLeft(besideFile: file)
      #expect(Paths.kind(of: path) == .file)
      withExtendedLifetime(lock) {}
      for text in ["", "my notes"] {
        try AtomicFile.write(path, text: text)
        OutputLock.removeLeft(besideFile: file)
        #expect(try content(path) == text)
      }
      try AtomicFile.write(path, text: "process 1 on a machine")
      OutputLock.removeLeft(besideFile: file)
      #expect(Paths.kind(of: path) == .missing)
    }
  }
}
