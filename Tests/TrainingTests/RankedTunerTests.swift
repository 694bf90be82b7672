import Faults
import Files
import Ranks
import Tensors
import TestSupport
import Testing
import Training

/// Several processes that tune together come to the bits of one.
@Suite struct RankedTunerTests {
  private struct Outcome: Sendable, Equatable {
    var values: [Matrix<Float>]
    var best: [Matrix<Float>]
    var trainLoss: [Double]
    var validationLoss: [Double]
  }

  private static func outcome(_ tuner: Tuner) -> Outcome {
    Outcome(
      values: tuner.state.sections.flatMap(\.values), best: tuner.state.sections.flatMap(\.best),
      trainLoss: tuner.state.history.trainLoss,
      validationLoss: tuner.state.history.validationLoss.map(\.loss))
  }

  /// Batches of some micro-batches each, so that there is something to share.
  private static var options: TuningOptions {
    var options = TinyRun.options
    options.batchSize = 32
    return options
  }

  private static func tuner(
    _ ranks: Ranks, _ options: TuningOptions = options, store: TeacherStateStore? = nil
  ) throws(Fault) -> Tuner {
    do {
      return try TinyRun(lengthening: 6).tuner(options, store: store, ranks: ranks)
    } catch {
      throw Fault(.internalError, "TEST", "\(error)")
    }
  }

  @Test(arguments: [2, 3, 4])
  func anyNumberGivesTheSameBits(_ count: Int) throws {
    let alone = try Self.tuner(.one)
    try alone.run()
    let found = LinkedRanks.run(count) { (ranks) throws(Fault) in
      let tuner = try Self.tuner(ranks)
      try tuner.run()
      return Self.outcome(tuner)
    }
    for result in found { #expect(try result.get() == Self.outcome(alone)) }
  }

  /// A cache that one rank alone has filled changes nothing but what is computed.
  @Test func ranksNeedNotHaveTheSameCache() throws {
    try withTemporaryDirectory { folder in
      let identity = SHA256Digest.of([UInt8(1)])
      func store(_ name: String) -> TeacherStateStore {
        TeacherStateStore(
          cache: TeacherStateCache(CacheDirectory(folder + name)), identity: identity)
      }
      let alone = try Self.tuner(.one, store: store("/full"))
      try alone.run()
      let found = LinkedRanks.run(2) { (ranks) throws(Fault) in
        let cache = TeacherStateCache(
          CacheDirectory(folder + (ranks.isFirst ? "/empty" : "/full")))
        let tuner = try Self.tuner(
          ranks, store: TeacherStateStore(cache: cache, identity: identity))
        try tuner.run()
        return Self.outcome(tuner)
      }
      for result in found { #expect(try result.get() == Self.outcome(alone)) }
      func digests(_ name: String) throws -> Set<SHA256Digest> {
        Set(try TeacherStateCache(CacheDirectory(folder + name)).entries().map(\.digest))
      }
      let (filled, full) = (try digests("/empty"), try digests("/full"))
      #expect(filled == full && !full.isEmpty)
    }
  }

  /// A checkpoint by three ranks, read by the first of two, continues to the same end; so does one of a process alone.
  @Test(arguments: [(3, 2), (1, 2), (2, 1)])
  func checkpointsGoOnUnderAnotherNumber(_ counts: (Int, Int)) throws {
    let whole = try Self.tuner(.one)
    try whole.run()
    try withTemporaryDirectory { folder in
      let path = folder + "/tuning"
      func run(_ count: Int, resumes: Bool) throws -> [Outcome] {
        try LinkedRanks.run(count) { (ranks) throws(Fault) in
          let checkpoint = TuningCheckpoint(path: path, planDigest: "plan")
          let tuner = try Self.tuner(ranks)
          if resumes {
            let loaded = try checkpoint.load(matching: tuner.state, for: ranks)
            guard let state = loaded.state, state.step == 5 else {
              throw Fault(.internalError, "TEST", "no state")
            }
            tuner.resume(from: state)
          }
          do throws(Fault) {
            try tuner.run(checkpoint: { (state) throws(Fault) in
              if ranks.isFirst, !resumes { try checkpoint.save(state) }
              if !resumes { throw Fault(.temporary, "TEST", "cut") }
            })
          } catch  where error.code == "TEST" && error.reason == "cut" {}
          return Self.outcome(tuner)
        }.map { try $0.get() }
      }
      _ = try run(counts.0, resumes: false)
      for outcome in try run(counts.1, resumes: true) { #expect(outcome == Self.outcome(whole)) }
    }
  }

  /// No checkpoint, or another plan's: all begin anew.
  @Test func withoutACheckpointAllBeginAnew() throws {
    try withTemporaryDirectory { folder in
      let found = LinkedRanks.run(2) { (ranks) throws(Fault) in
        let checkpoint = TuningCheckpoint(path: folder + "/none", planDigest: "plan")
        return try checkpoint.load(matching: try Self.tuner(ranks).state, for: ranks).state == nil
      }
      let anew = try found.map { try $0.get() }
      #expect(anew == [true, true])
    }
  }

  /// A rank with other numbers is found out before a step is taken with it.
  @Test func aRankWithOtherNumbersEndsTheRun() throws {
    let found = LinkedRanks.run(2) { (ranks) throws(Fault) in
      var options = Self.options
      if !ranks.isFirst { options.learningRate *= 1.001 }
      let own = try Self.tuner(.one, options)
      do throws(Fault) {
        try own.run(checkpoint: { (_) throws(Fault) in throw Fault(.temporary, "TEST", "cut") })
      } catch  where error.code == "TEST" {}
      let tuner = try Self.tuner(ranks)
      tuner.resume(from: own.state)
      try tuner.run()
    }
    for result in found {
      let fault = fault { () throws(Fault) in try result.get() }
      #expect(fault?.code == "RANK-DIFFERS")
      #expect(fault?.reason.contains("what is trained after 5 steps") == true, "\(fault as Any)")
    }
  }
}
