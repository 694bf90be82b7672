import Faults
import Files
import Synchronization
import TestSupport
import Testing

/// Several files replaced together: each as if alone.
@Suite struct FilesTogetherTests {
  private func text(_ path: String) throws -> String {
    String(decoding: try InputFile(path).readAll(limit: 1 << 20), as: UTF8.self)
  }

  @Test func everyFileIsReplaced() throws {
    try withTemporaryDirectory { folder in
      // More than are open at once, in two directories.
      try Paths.makeDirectory(Paths.join(folder, "other"))
      let files: [AtomicFile.Content] = (0..<70).map {
        (Paths.join(folder, $0 % 2 == 0 ? "\($0)" : "other/\($0)"), Array("text \($0)".utf8))
      }
      try AtomicFile.write(files[3].path, text: "old")
      let written = AtomicFile.write(files)
      #expect(written.count == files.count)
      for (file, written) in zip(files, written) {
        #expect(try written.get().digest == SHA256Digest.of(file.bytes))
        #expect(try InputFile(file.path).readAll(limit: 100) == file.bytes)
      }
      #expect(try Paths.entries(of: folder).count == 36)
      #expect(AtomicFile.write([]).isEmpty)
    }
  }

  @Test func oneThatFailsLeavesTheOthers() throws {
    try withTemporaryDirectory { folder in
      let paths = ["a", "folder", "missing/b", "c"].map { Paths.join(folder, $0) }
      try Paths.makeDirectory(paths[1])
      let written = AtomicFile.write(paths.map { ($0, Array("new".utf8)) })
      let faults = written.map { result -> String? in
        if case .failure(let fault) = result { fault.code } else { nil }
      }
      #expect(faults == [nil, "OUT-CREATE", "OUT-CREATE", nil])
      #expect(try text(paths[0]) == "new" && text(paths[3]) == "new")
      #expect(try Paths.entries(of: folder) == ["a", "c", "folder"])
    }
  }

  @Test func whatDoesNotReachTheDiskKeepsTheOldFile() throws {
    try withTemporaryDirectory { folder in
      let paths = ["a", "b", "c"].map { Paths.join(folder, $0) }
      for path in paths { try AtomicFile.write(path, text: "old") }
      let count = Atomic<Int>(0)
      var calls = SystemCalls.posix
      calls.syncTogether = { descriptors in
        var statuses = SystemCalls.posix.syncTogether(descriptors)
        if count.add(1, ordering: .relaxed).newValue == 1 { statuses[1] = -5 }
        return statuses
      }
      let written = AtomicFile.write(paths.map { ($0, Array("new".utf8)) }, calls: calls)
      guard case .failure(let fault) = written[1] else {
        Issue.record("written")
        return
      }
      #expect(fault.code == "OUT-WRITE" && fault.path == paths[1])
      #expect(try paths.map(text) == ["new", "old", "new"])
      #expect(try Paths.entries(of: folder) == ["a", "b", "c"])
    }
  }

  @Test func aDirectoryThatDoesNotReachTheDiskIsSaid() throws {
    try withTemporaryDirectory { folder in
      let count = Atomic<Int>(0)
      var calls = SystemCalls.posix
      calls.syncTogether = { descriptors in
        count.add(1, ordering: .relaxed).newValue == 2
          ? descriptors.map { _ in -5 } : SystemCalls.posix.syncTogether(descriptors)
      }
      let written = AtomicFile.write([(Paths.join(folder, "a"), [1])], calls: calls)
      guard case .failure(let fault) = written[0] else {
        Issue.record("known to be on disk")
        return
      }
      #expect(fault.code == "OUT-SYNC")
    }
  }

  @Test func descriptorsThatCannotBeSynchronisedSaySo() {
    let statuses = SystemCalls.posix.syncTogether([-1])
    #expect(statuses.count == 1 && statuses[0] < 0)
  }
}
