import Faults
import Files
import Foundation
import TestSupport
import Testing

/// One bound for all caches: what was used last stays.
@Suite struct CacheDirectoryTests {
  /// People know bases, teachers and moments.
  @Test func kindsHaveWords() {
    #expect(CacheKind.allCases.map(\.word) == ["basis", "basis", "teacher", "moments"])
  }

  /// An entry of `count` bytes that was last used `age` hours ago.
  @discardableResult
  private func entry(
    _ number: UInt8, _ kind: CacheKind, in folder: String, count: Int = 100, age: Double
  ) throws -> String {
    let path = CacheDirectory(folder).path(kind, SHA256Digest.of([number]))
    try Paths.makeDirectory(Paths.parent(of: path))
    try AtomicFile.write(path, bytes: Array(repeating: 0, count: count))
    try setAge(path, age)
    return path
  }

  private func setAge(_ path: String, _ hours: Double) throws {
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -3600 * hours)], ofItemAtPath: path)
  }

  private func isThere(_ path: String) -> Bool { Paths.kind(of: path) == .file }

  /// Whatever kind they are: those that were not read for longest, down to nine tenths.
  @Test func theLeastRecentlyUsedMakeRoom() throws {
    try withTemporaryDirectory { folder in
      let states = try entry(1, .states, in: folder, age: 3)
      let basis = try entry(2, .basis, in: folder, age: 5)
      let moments = try entry(3, .moments, in: folder, age: 4)
      let leading = try entry(4, .leading, in: folder, age: 2)
      let cache = CacheDirectory(folder, byteLimit: 480)
      // The oldest file, but just read.
      cache.noteUse(of: basis)
      let new = cache.path(.states, .of([UInt8(9)]))
      try cache.makeRoom(for: new, 80)
      #expect([states, basis, moments, leading].allSatisfy(isThere))
      try AtomicFile.write(new, bytes: Array(repeating: 0, count: 80))
      // 480 + 60 bytes: more than 432 of them would stay with one entry less.
      try cache.makeRoom(for: cache.path(.basis, .of([UInt8(10)])), 60)
      #expect(!isThere(moments) && !isThere(states))
      #expect([basis, leading, new].allSatisfy(isThere))
    }
  }

  @Test func whatIsHeldStaysAndWhatDoesNotFitIsRefused() throws {
    try withTemporaryDirectory { folder in
      let old = try entry(1, .basis, in: folder, age: 9)
      let younger = try entry(2, .states, in: folder, age: 1)
      let cache = CacheDirectory(folder, byteLimit: 250)
      cache.hold(old)
      try setAge(old, 9)
      let new = cache.path(.moments, .of([UInt8(9)]))
      // Beside the one that is held there are 150 bytes: nothing goes for what does not fit in any case.
      let refused = fault { () throws(Fault) in try cache.makeRoom(for: new, 151) }
      #expect(refused?.code == "CACHE-LIMIT" && refused?.kind == .resources)
      #expect(isThere(old) && isThere(younger))
      try cache.makeRoom(for: new, 150)
      #expect(isThere(old) && !isThere(younger))
      #expect(fault { () throws(Fault) in try cache.makeRoom(for: new, 251) } != nil)
      // Another process holds nothing of this one's.
      let other = CacheDirectory(folder, byteLimit: 250)
      try other.makeRoom(for: new, 250)
      #expect(!isThere(old))
    }
  }

  /// Files that are no entries neither count nor go; those of earlier versions do.
  @Test func onlyEntriesCount() throws {
    try withTemporaryDirectory { folder in
      let hex = SHA256Digest.of([UInt8(1)]).hex
      let foreign = [
        "bases-2/README", "bases-2/\(hex).moments", "bases-x/\(hex).basis", "bases-/\(hex).basis",
        "other-1/\(hex).basis", "moments-1/\(hex).moments.lock", "\(hex).basis", "bases-1/a.basis",
      ]
      let earlier = "bases-1/\(hex).basis"
      for name in foreign + [earlier] {
        let path = Paths.join(folder, name)
        try Paths.makeDirectory(Paths.parent(of: path))
        try AtomicFile.write(path, bytes: Array(repeating: 0, count: 1000))
      }
      let cache = CacheDirectory(folder, byteLimit: 1500)
      let found = try cache.entries()
      #expect(found.map(\.path) == [Paths.join(folder, earlier)])
      #expect(found.map(\.byteCount) == [1000] && found.map(\.kind) == [.basis])
      #expect(try cache.entries([.states, .moments]).isEmpty)
      try cache.makeRoom(for: cache.path(.basis, .of([UInt8(9)])), 600)
      #expect(!isThere(Paths.join(folder, earlier)))
      #expect(try cache.prune(to: 0).isEmpty)
      #expect(foreign.allSatisfy { isThere(Paths.join(folder, $0)) })
    }
  }

  /// What others write is seen after a sixteenth of the limit.
  @Test func othersAreSeen() throws {
    try withTemporaryDirectory { folder in
      let cache = CacheDirectory(folder, byteLimit: 1600)
      let path = cache.path(.states, .of([UInt8(0)]))
      try cache.makeRoom(for: path, 10)
      let other = try entry(1, .basis, in: folder, count: 1600, age: 1)
      for _ in 0..<9 { try cache.makeRoom(for: path, 10) }
      #expect(isThere(other))
      try cache.makeRoom(for: path, 10)
      #expect(!isThere(other))
    }
  }

  /// The oldest go until the rest fits; a killed process's half file goes with them.
  @Test func prunesByAge() throws {
    try withTemporaryDirectory { folder in
      let paths = try (0..<5).map { try entry($0, .moments, in: folder, age: Double(10 - $0)) }
      let half = Paths.join(Paths.parent(of: paths[0]), ".x.moments.tmp-1-1")
      try Data([1]).write(to: URL(fileURLWithPath: half))
      let cache = CacheDirectory(folder)
      #expect(try cache.prune(to: 500).isEmpty)
      #expect(try cache.prune(to: 299).map(\.path) == Array(paths[..<3]))
      #expect(paths.map(isThere) == [false, false, false, true, true] && !isThere(half))
      #expect(try cache.prune(to: 0).count == 2)
      #expect(try cache.entries().isEmpty)
      #expect(try CacheDirectory(Paths.join(folder, "nowhere")).prune(to: 0).isEmpty)
    }
  }

  /// Several that make room at once remove no more than they must, and stumble over nothing.
  @Test func severalMakeRoomAtOnce() async throws {
    let folder = NSTemporaryDirectory() + "/caches-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for number in 0..<200 { try entry(UInt8(number), .states, in: folder, age: Double(number + 1)) }
    let failures = await withTaskGroup(of: Fault?.self) { group in
      for number in 0..<4 {
        group.addTask {
          let cache = CacheDirectory(folder, byteLimit: 10_000)
          let path = cache.path(.moments, .of([UInt8(number)]))
          return fault { () throws(Fault) in try cache.makeRoom(for: path, 1000) }
        }
      }
      var failures: [Fault] = []
      for await failure in group { if let failure { failures.append(failure) } }
      return failures
    }
    #expect(failures == [])
    let left = try CacheDirectory(folder).entries().map(\.path)
    // At most what one alone would have left: 8,000 bytes, of the youngest.
    #expect(left.count == 80)
    let youngest = (0..<80).map { CacheDirectory(folder).path(.states, .of([UInt8($0)])) }
    #expect(Set(left) == Set(youngest))
  }
}
