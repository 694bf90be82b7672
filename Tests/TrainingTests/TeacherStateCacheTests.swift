import Faults
import Files
import Foundation
import Models
import Tensors
import TestSupport
import Testing
import Training

/// Teacher's states kept on disk between runs.
@Suite struct TeacherStateCacheTests {
  private let identity = SHA256Digest.of(Array("teacher".utf8))

  private func latents(
    _ run: TinyRun, in folder: String, teacher: DecoderPool? = nil, identity: SHA256Digest? = nil,
    byteLimit: Int = 1 << 20
  ) throws -> [[Float]] {
    let store = TeacherStateStore(
      cache: TeacherStateCache(CacheDirectory(folder, byteLimit: byteLimit)),
      identity: identity ?? self.identity)
    let tuner = run.tuner(TinyRun.options, teacher: teacher, store: store)
    try tuner.run()
    #expect(store.warning == nil)
    return tuner.student.latents.map(\.elements)
  }

  /// A second run does not ask its teacher: another one in its place changes nothing.
  @Test func aSecondRunReadsWhatTheFirstComputed() throws {
    let run = try TinyRun()
    let stranger = DecoderPool(weights: run.weights, threads: 1)
    try withTemporaryDirectory { folder in
      let first = try latents(run, in: folder)
      #expect(try latents(run, in: folder, teacher: stranger) == first)
      let other = SHA256Digest.of(Array("other".utf8))
      #expect(try latents(run, in: folder, teacher: stranger, identity: other) != first)
    }
  }

  @Test func damagedEntriesAreComputedAgain() throws {
    let run = try TinyRun()
    try withTemporaryDirectory { folder in
      let first = try latents(run, in: folder)
      let entries = try TeacherStateCache(CacheDirectory(folder)).entries()
      #expect(entries.count > 2)
      for (index, entry) in entries.enumerated() {
        var bytes = try InputFile(entry.path).readAll(limit: 1 << 20)
        if index % 2 == 0 { bytes[bytes.count - 1] ^= 1 } else { bytes.removeLast() }
        try AtomicFile.write(entry.path, bytes: bytes)
      }
      #expect(try latents(run, in: folder) == first)
      for entry in try TeacherStateCache(CacheDirectory(folder)).entries() {
        #expect(entry.byteCount == entries.first { $0.digest == entry.digest }?.byteCount)
      }
    }
  }

  /// States of other examples under the name of these, whole as they are, are not theirs.
  @Test func swappedEntriesAreComputedAgain() throws {
    let run = try TinyRun()
    try withTemporaryDirectory { folder in
      let first = try latents(run, in: folder)
      let entries = try TeacherStateCache(CacheDirectory(folder)).entries()
      let sizes = Dictionary(grouping: entries, by: \.byteCount)
      let alike = try #require(sizes.values.first { $0.count > 1 })
      let bytes = try alike.map { try InputFile($0.path).readAll(limit: 1 << 20) }
      for (index, entry) in alike.enumerated() {
        try AtomicFile.write(entry.path, bytes: bytes[(index + 1) % bytes.count])
      }
      #expect(try latents(run, in: folder) == first)
    }
  }

  @Test func theOldestMakeRoom() throws {
    let run = try TinyRun()
    try withTemporaryDirectory { folder in
      let whole = try latents(run, in: folder)
      let entries = try TeacherStateCache(CacheDirectory(folder)).entries()
      let total = entries.reduce(0) { $0 + $1.byteCount }
      let small = folder + "/small"
      #expect(try latents(run, in: small, byteLimit: total / 2) == whole)
      let kept = try TeacherStateCache(CacheDirectory(small)).entries()
      #expect(!kept.isEmpty && kept.reduce(0) { $0 + $1.byteCount } <= total / 2)
    }
  }
}
