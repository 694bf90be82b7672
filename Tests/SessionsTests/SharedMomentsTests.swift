import Bases
import Checkpoints
import Evaluation
import Faults
import Files
import Models
import Pipeline
import PipelineSupport
import Recipes
import Sessions
import TestSupport
import Testing
import Training

/// Second moments of the base itself: computed once for all that ask, and the same wherever they come from.
@Suite struct SharedMomentsTests {
  /// A calibrated conversion under the base's own moments.
  private func convert(
    _ tiny: TinyJob, _ change: (inout JobRequest) -> Void = { _ in }
  ) throws -> [UInt8] {
    try tiny.run(.rank(4)) {
      tiny.calibrate(&$0)
      $0.calibrationModel = .base
      change(&$0)
    }.bytes
  }

  /// How often moments were computed, read from the cache, and at hand.
  private func counts(_ tiny: TinyJob) -> [Int] {
    let counts = tiny.session.moments.counts
    return [counts.computed, counts.cached, counts.shared]
  }

  @Test func aSecondJobComputesNothing() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let first = try convert(tiny)
      #expect(counts(tiny) == [1, 0, 0])
      #expect(try convert(tiny) == first)
      #expect(counts(tiny) == [1, 0, 1])
      // Another process finds them in the cache, and gets the same bytes of them.
      let again = try TinyJob(in: folder, threads: 1)
      #expect(try convert(again) == first)
      #expect(counts(again) == [0, 1, 0])
    }
  }

  /// Other rows, another seed: other moments, and the others stay.
  @Test func whatTheyDependOnNamesThem() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      _ = try convert(tiny)
      _ = try convert(tiny) { $0.seed = 1 }
      _ = try convert(tiny) { $0.calibration?.limit = 19 }
      #expect(counts(tiny) == [3, 0, 0])
      _ = try convert(tiny)
      #expect(counts(tiny) == [3, 1, 0])
    }
  }

  /// The base's moments are not those of the LoRA model: it would be odd if they led to one artifact.
  @Test func theyAreNotTheAdapters() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let adapters = try tiny.run(.rank(4)) { tiny.calibrate(&$0) }.bytes
      #expect(counts(tiny) == [0, 0, 0])
      #expect(try convert(tiny) != adapters)
    }
  }

  @Test func damagedEntriesAreComputedAgain() throws {
    try withTemporaryDirectory { folder in
      let first = try convert(try TinyJob(in: folder))
      let cache = CurvatureCache(CacheDirectory("\(folder)/cache"))
      let entry = try #require(try cache.entries().first)
      let whole = try InputFile(entry.path).readAll(limit: 1 << 24)
      var flipped = whole
      flipped[whole.count / 2] ^= 1
      var huge = whole
      huge[15] = 0x7f
      for bytes in [flipped, huge, Array(whole.dropLast()), Array(whole.prefix(16)), []] {
        try AtomicFile.write(entry.path, bytes: bytes)
        let tiny = try TinyJob(in: folder)
        #expect(try convert(tiny) == first)
        #expect(counts(tiny) == [1, 0, 0])
        #expect(try InputFile(entry.path).readAll(limit: 1 << 24) == whole)
      }
    }
  }

  /// What rows will take on disk is known before the first pass, and is what they take; more than there is is refused.
  @Test func rowsOnDiskAreAnnounced() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let examples = (0..<6).map {
        TokenizedExample(prompt: [1, 2, Int32($0 + 3)], completion: [4, 5])
      }
      var announced: [Int] = []
      let pool = DecoderPool(weights: try tiny.session.weights(), threads: 1)
      let rows = try Calibration.curvature(
        of: pool, examples: examples, seed: 0, scratch: folder, begin: { announced.append($0) })
      #expect(
        announced
          == [CurvatureRows.byteCount(tiny.session.base.configuration, rowCount: rows.rowCount)])
      try tiny.session.announce(rowBytes: announced[0], in: folder)
      let full = fault { () throws(Fault) in
        try tiny.session.announce(rowBytes: 1 << 60, in: folder)
      }
      #expect(full?.code == "OUT-FULL" && full?.exitCode == 75)
      #expect(full?.reason.contains("\(1 << 60)") == true && full?.path == folder)
    }
  }

  /// What is kept is bounded: the oldest entry makes room, and what is larger than all is not kept.
  @Test func theCacheIsBounded() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let examples = (0..<6).map {
        TokenizedExample(prompt: [1, 2, Int32($0 + 3)], completion: [4, 5])
      }
      let configuration = tiny.session.base.configuration
      let rows = try Calibration.curvature(
        of: DecoderPool(weights: try tiny.session.weights(), threads: 1), examples: examples,
        seed: 0, scratch: folder)
      let size = CurvatureRows.byteCount(configuration, rowCount: rows.rowCount) + 48
      let cache = CurvatureCache(CacheDirectory("\(folder)/small", byteLimit: 2 * size + 8))
      let keys = (0..<4).map { CurvatureCache.key(model: .of([UInt8($0)]), examples: [], seed: 0) }
      for key in keys {
        try cache.write(rows, for: key, configuration)
        let read = try #require(cache.read(key, configuration))
        for module in configuration.linearModules {
          #expect(try read.inputRows(module) == rows.inputRows(module))
          #expect(try read.outputRows(module) == rows.outputRows(module))
        }
        #expect(try cache.entries().reduce(0) { $0 + $1.byteCount } <= 2 * size + 8)
      }
      #expect(cache.read(keys[0], configuration) == nil)
      let tight = CurvatureCache(CacheDirectory("\(folder)/tight", byteLimit: size - 1))
      #expect(throws: Fault.self) { try tight.write(rows, for: keys[0], configuration) }
      #expect(try tight.entries().isEmpty)
    }
  }
}
