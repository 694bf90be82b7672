import Checkpoints
import Evaluation
import Files
import Foundation
import LinearAlgebra
import Models
import Tensors
import TestSupport
import Testing
import Training

/// What is in memory while a model is tuned or calibrated, and that it changes no number.
@Suite struct HeldMemoryTests {
  /// Steps in bfloat16, with the blocks in that precision alone: the teacher and validation decode them.
  @Test func stepsInBFloat16HoldNoFloats() throws {
    let run = try TinyRun()
    var options = TinyRun.options
    options.precision = .bfloat16
    let plain = run.tuner(options)
    try plain.run()
    let losses = plain.state.history.validationLoss
    #expect(losses.count > 2)
    for threads in [1, 3] {
      let run = try TinyRun()
      try run.weights.hold(.bfloat16, threads: threads)
      let before = run.weights.heldByteCount
      let teacher = DecoderPool(weights: run.weights, updates: run.updates, threads: threads)
      let tuner = run.tuner(options, threads: threads, teacher: teacher)
      try tuner.run()
      #expect(tuner.state.history.validationLoss == losses)
      #expect(tuner.state.history.trainLoss == plain.state.history.trainLoss)
      #expect(tuner.student.latents == plain.student.latents)
      #expect(run.weights.heldByteCount == before)
    }
  }

  /// The teacher answers for all steps to come at once, and for none that will not come.
  @Test func theTeacherAnswersAhead() throws {
    let run = try TinyRun()
    try withTemporaryDirectory { folder in
      let cache = TeacherStateCache(CacheDirectory(folder))
      let store = TeacherStateStore(
        cache: cache, identity: SHA256Digest.of(Array("teacher".utf8)))
      var options = TinyRun.options
      options.objective = .kd
      options.steps = 3
      var counts: [Int] = []
      // Of 32 training examples three batches of eight, and one chunk of validation.
      try run.tuner(options, store: store).run { _ in
        counts.append((try? cache.entries().count) ?? 0)
      }
      #expect(counts == [4, 4, 4])
    }
  }

  /// A teacher's states that memory does not hold are computed again, with the same results.
  @Test func statesThatAreLetGoOfComeAgain() throws {
    var options = TinyRun.options
    options.objective = .kd
    options.steps = 9
    func losses(_ limit: Int) throws -> [Double] {
      let run = try TinyRun()
      let tuner = run.tuner(options, stateByteLimit: limit)
      try tuner.run()
      return tuner.state.history.trainLoss + tuner.state.history.validationLoss.map(\.loss)
    }
    #expect(try losses(1) == losses(TeacherStates.mostBytes))
  }

  /// A budget that does not hold what a pass of sixteen examples keeps, even computed twice, holds a pass of some of them.
  @Test func calibrationTakesABatchInParts() throws {
    let run = try TinyRun(lengthening: 6)
    let modules = run.weights.configuration.linearModules
    let teacher = DecoderPool(weights: run.weights, updates: run.updates, threads: 2)
    func bytes(_ tokens: Int, recomputes: Bool) -> Int {
      2 * Decoder.byteCount(of: run.weights, tokens: tokens, recomputes: recomputes)
    }
    let batch = run.examples.prefix(16).reduce(0) { $0 + $1.tokenCount }
    let memory = bytes(256, recomputes: false)
    #expect(memory < bytes(batch, recomputes: true))
    func rows(memory: Int?) throws -> [[Float]?] {
      let rows = try Calibration.curvature(
        of: teacher, examples: run.examples, seed: 1, scratch: NSTemporaryDirectory(),
        memory: memory, rowLimit: 40)
      return try modules.flatMap {
        [try rows.inputRows($0)?.elements, try rows.outputRows($0)?.elements]
      }
    }
    let free = try rows(memory: nil)
    #expect(free.allSatisfy { $0?.contains { $0 != 0 } == true })
    #expect(try rows(memory: memory) == free)
  }
}
