import Checkpoints
import Evaluation
import Faults
import Files
import Foundation
import LinearAlgebra
import Models
import Tensors
import TestSupport
import Testing
import Training

@Suite struct TunerTests {
  @Test func distillationBringsTheStudentToTheTeacher() throws {
    let run = try TinyRun()
    var options = TinyRun.options
    options.steps = 80
    let tuner = run.tuner(options)
    try tuner.run()
    let losses = tuner.state.history.validationLoss.map(\.loss)
    let first = try #require(losses.first)
    // The teacher lies in the student's own directions, so nearly all of the divergence can go.
    #expect(tuner.state.history.bestLoss < first / 5)
    #expect(tuner.student.latents == tuner.state["latents"]?.best)
  }

  /// Half the loss at which the rate is whole: half the rate, and the same after a resumption.
  @Test func aNearStartLowersTheRate() throws {
    let run = try TinyRun()
    let plain = run.tuner(TinyRun.options)
    try plain.run()
    let start = try #require(plain.state.history.validationLoss.first).loss
    for (share, least, expected) in [
      (0.5, 0.1, 1.0), (2, 0.1, 0.5), (100, 0.1, 0.1), (2, 0.7, 0.7),
    ] {
      var options = TinyRun.options
      options.nearStart = TuningOptions.NearStart(
        fullRateLoss: share * start, leastShare: least)
      let tuner = run.tuner(options)
      try tuner.run()
      let rate = tuner.options.learningRate
      #expect(abs(rate - expected * TinyRun.options.learningRate) < 1e-12)
      let resumed = run.tuner(options)
      resumed.resume(from: tuner.state)
      try resumed.run()
      #expect(resumed.options.learningRate == rate)
    }
  }

  /// Without validation examples nothing says which step was best: the last one is kept, not the start.
  @Test func withoutValidationTheLastStepIsKept() throws {
    let run = try TinyRun()
    let data = TuningData(
      training: Array(run.examples.prefix(32)), validation: [], teacher: run.teacher)
    let student = run.tuner(TinyRun.options).student
    let tuner = Tuner(
      student: student, data: data, options: TinyRun.options,
      trainables: [LatentTraining(student.latents)])
    let start = student.latents
    try tuner.run()
    #expect(tuner.state.history.bestStep == TinyRun.options.steps)
    #expect(tuner.state.history.validationLoss.isEmpty)
    #expect(
      tuner.student.latents == tuner.state["latents"]?.values && tuner.student.latents != start)
  }

  /// Rounded products change a step by little and where tuning ends by less.
  @Test func roundedProductsEndWhereExactOnesDo() throws {
    let run = try TinyRun()
    var options = TinyRun.options
    options.steps = 80
    let exact = run.tuner(options)
    options.precision = .bfloat16
    let rounded = run.tuner(options)
    try exact.run()
    try rounded.run()
    let first = try #require(exact.state.history.trainLoss.first)
    let other = try #require(rounded.state.history.trainLoss.first)
    #expect(first != other && abs(first - other) < 0.02 * first)
    let start = try #require(exact.state.history.validationLoss.first).loss
    #expect(abs(exact.state.history.bestLoss - rounded.state.history.bestLoss) < 0.02 * start)
  }

  @Test func recomputedActivationsGiveTheSameBits() throws {
    let run = try TinyRun()
    var options = TinyRun.options
    let kept = run.tuner(options)
    options.recomputes = true
    let recomputed = run.tuner(options)
    try kept.run()
    try recomputed.run()
    #expect(try recomputed.student.trainingPool.map(1) { $1.recomputes } == [true])
    #expect(kept.state["latents"]?.values == recomputed.state["latents"]?.values)
    #expect(kept.state.history.trainLoss == recomputed.state.history.trainLoss)
  }

  @Test func sameSeedGivesTheSameBits() throws {
    let run = try TinyRun()
    let (first, second) = (run.tuner(TinyRun.options), run.tuner(TinyRun.options))
    try first.run()
    try second.run()
    #expect(first.state["latents"]?.values == second.state["latents"]?.values)
    var other = TinyRun.options
    other.seed = 1
    let third = run.tuner(other)
    try third.run()
    #expect(third.state["latents"]?.values != first.state["latents"]?.values)
  }

  @Test func resumedRunReachesTheSameBits() throws {
    let run = try TinyRun()
    let whole = run.tuner(TinyRun.options)
    try whole.run()
    try withTemporaryDirectory { folder in
      let checkpoint = TuningCheckpoint(path: Paths.join(folder, "state"), planDigest: "p")
      let stop = Fault(.temporary, "STOP", "as if killed after the second checkpoint")
      let cut = run.tuner(TinyRun.options)
      #expect(throws: stop) {
        try cut.run(checkpoint: { (state) throws(Fault) in
          try checkpoint.save(state)
          if state.step >= 10 { throw stop }
        })
      }
      let resumed = run.tuner(TinyRun.options)
      let loaded = checkpoint.load(matching: resumed.state)
      #expect(loaded.warnings.isEmpty)
      let state = try #require(loaded.state)
      #expect(state.step == 10)
      resumed.resume(from: state)
      try resumed.run()
      #expect(resumed.state["latents"]?.values == whole.state["latents"]?.values)
      #expect(resumed.state["latents"]?.best == whole.state["latents"]?.best)
      #expect(resumed.state.history == whole.state.history)
    }
  }

  /// Stopped between a step and its validation: that is made up for before the next step.
  @Test func aMissingValidationIsMadeUpFor() throws {
    let run = try TinyRun()
    var options = TinyRun.options
    options.validationInterval = 5
    let whole = run.tuner(options)
    try whole.run()
    let stop = Fault(.temporary, "STOP", "as if stopped")
    var cut: TuningState?
    options.checkpointInterval = 10
    #expect(throws: stop) {
      try run.tuner(options).run(checkpoint: { (state) throws(Fault) in
        cut = state
        throw stop
      })
    }
    var state = try #require(cut)
    #expect(state.history.validationLoss.map(\.step) == [0, 5, 10])
    state.history.validationLoss.removeLast()
    let resumed = run.tuner(options)
    resumed.resume(from: state)
    try resumed.run()
    #expect(resumed.state.history == whole.state.history)
    #expect(resumed.state["latents"]?.best == whole.state["latents"]?.best)
  }

  @Test func vectorsOfAResidualTrainByTheirCodes() throws {
    let run = try TinyRun()
    var options = TinyRun.options
    options.steps = 60
    let frozen = try run.residualTuner(options).tuner
    try frozen.run()
    #expect(frozen.state["residual"] == nil)
    options.tunesResidual = true
    let (trained, residual) = try run.residualTuner(options)
    try trained.run()
    // The same start, and more that can move.
    #expect(
      trained.state.history.validationLoss.first?.loss
        == frozen.state.history.validationLoss.first?.loss)
    #expect(trained.state.history.bestLoss < 0.97 * frozen.state.history.bestLoss)
    let codes = try #require(residual.codes(in: trained.state))
    #expect(codes.count == 2 * run.modules.count && codes != residual.start)
    #expect(codes.allSatisfy { $0.codes.allSatisfy { abs($0) <= 7 } })
    // What the run is left with is what it reports: the codes, put into a new student, lose as much.
    let data = TuningData(
      training: run.examples, validation: Array(run.examples.suffix(8)), teacher: run.teacher)
    let loss = try data.validationLoss(of: trained.student, objective: options.objective)
    #expect(abs(loss - trained.state.history.bestLoss) < 1e-6)
  }

  @Test func resumedTrainingOfAResidualReachesTheSameBits() throws {
    let run = try TinyRun()
    var options = TinyRun.options
    options.tunesResidual = true
    let whole = try run.residualTuner(options).tuner
    try whole.run()
    try withTemporaryDirectory { folder in
      let checkpoint = TuningCheckpoint(path: Paths.join(folder, "state"), planDigest: "p")
      let stop = Fault(.temporary, "STOP", "as if killed after the first checkpoint")
      let cut = try run.residualTuner(options).tuner
      #expect(throws: stop) {
        try cut.run(checkpoint: { (state) throws(Fault) in
          try checkpoint.save(state)
          throw stop
        })
      }
      let resumed = try run.residualTuner(options).tuner
      resumed.resume(from: try #require(checkpoint.load(matching: resumed.state).state))
      try resumed.run()
      #expect(resumed.state["latents"]?.values == whole.state["latents"]?.values)
      #expect(resumed.state["residual"]?.best == whole.state["residual"]?.best)
    }
  }

  @Test func tornOrForeignCheckpointFallsBackToTheOneBefore() throws {
    let run = try TinyRun()
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "state")
      let checkpoint = TuningCheckpoint(path: path, planDigest: "p")
      let tuner = run.tuner(TinyRun.options)
      try tuner.run(checkpoint: { (state) throws(Fault) in try checkpoint.save(state) })
      // The newest, of the last step, is cut in half: the one of step 10 is used, with a warning.
      let bytes = try InputFile(path).readAll(limit: 1 << 20)
      _ = try AtomicFile.write(path, bytes: Array(bytes.prefix(bytes.count / 2)))
      let loaded = checkpoint.load(matching: run.tuner(TinyRun.options).state)
      #expect(loaded.state?.step == 10)
      #expect(loaded.warnings.count == 1)
      let foreign = TuningCheckpoint(path: path, planDigest: "other")
      let refused = foreign.load(matching: run.tuner(TinyRun.options).state)
      #expect(refused.state == nil)
      #expect(refused.warnings.count == 2)
    }
  }

  /// One bit of a number, or one digit of the history: another result would follow, so it is not used.
  @Test func aCheckpointWithAWrongBitIsNotUsed() throws {
    let run = try TinyRun()
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "state")
      let checkpoint = TuningCheckpoint(path: path, planDigest: "p")
      let tuner = run.tuner(TinyRun.options)
      try tuner.run()
      try checkpoint.save(tuner.state)
      let template = run.tuner(TinyRun.options).state
      #expect(checkpoint.load(matching: template).state != nil)
      let bytes = try InputFile(path).readAll(limit: 1 << 20)
      let digit = try #require(bytes.firstRange(of: Array("bestStep".utf8))).upperBound + 3
      for place in [bytes.count - 3, bytes.count * 3 / 4, bytes.count / 2, digit] {
        var changed = bytes
        changed[place] ^= 1
        try AtomicFile.write(path, bytes: changed)
        let loaded = checkpoint.load(matching: template)
        #expect(loaded.state == nil && loaded.warnings.count == 1, "byte \(place)")
      }
    }
  }

  /// What is computed together is a function of the examples: the same latents, to the bit, for any number of threads.
  @Test(arguments: [ProductPrecision.float32, .bfloat16])
  func latentsDoNotDependOnThreads(precision: ProductPrecision) throws {
    let run = try TinyRun()
    var options = TinyRun.options
    options.steps = 3
    // Enough tokens for several micro-batches.
    options.batchSize = 80
    options.precision = precision
    func latents(threads: Int) throws -> [[Float]] {
      let teacher = DecoderPool(
        weights: run.weights, updates: run.updates, threads: threads)
      let tuner = run.tuner(options, threads: threads, teacher: teacher)
      try tuner.run()
      return tuner.student.latents.map(\.elements)
    }
    let single = try latents(threads: 1)
    #expect(single.contains { $0.contains { $0 != 0 } })
    for threads in [2, 3, 16, 64] {
      #expect(try latents(threads: threads) == single, "\(threads) threads")
    }
  }

  /// Rows of second moments have the same bits for any number of threads, and no more of them than there may be.
  @Test func calibrationDoesNotDependOnThreads() throws {
    let run = try TinyRun()
    let modules = run.weights.configuration.linearModules
    func rows(threads: Int) throws -> [[Float]?] {
      let teacher = DecoderPool(weights: run.weights, threads: threads)
      let rows = try Calibration.curvature(
        of: teacher, examples: run.examples, seed: 1, scratch: NSTemporaryDirectory(), rowLimit: 40)
      return try modules.flatMap { module in
        let sides = [try rows.inputRows(module), try rows.outputRows(module)]
        #expect(sides.allSatisfy { $0.map { (30...50).contains($0.rows) } == true })
        return sides.map { $0?.elements }
      }
    }
    let single = try rows(threads: 1)
    #expect(single.allSatisfy { $0?.contains { $0 != 0 } == true })
    for threads in [2, 3, 16, 64] {
      #expect(try rows(threads: threads) == single, "\(threads) threads")
    }
  }

  /// A budget that does not hold all activations costs time and changes nothing; one that does not even hold a block's
  /// is refused with what is needed.
  @Test func calibrationFitsItsBudget() throws {
    let run = try TinyRun()
    let modules = run.weights.configuration.linearModules
    let teacher = DecoderPool(weights: run.weights, threads: 2)
    let tokens = run.examples.prefix(16).reduce(0) { $0 + $1.tokenCount } * 2
    func need(_ recomputes: Bool) -> Int {
      2 * Decoder.byteCount(of: run.weights, tokens: tokens, recomputes: recomputes)
    }
    func rows(memory: Int?) throws -> [[Float]?] {
      let rows = try Calibration.curvature(
        of: teacher, examples: run.examples, seed: 1, scratch: NSTemporaryDirectory(),
        memory: memory)
      return try modules.map { try rows.outputRows($0)?.elements }
    }
    #expect(need(true) < need(false))
    #expect(try rows(memory: need(true)) == (try rows(memory: nil)))
    let fault = #expect(throws: Fault.self) { try rows(memory: 1000) }
    #expect(fault?.code == "MEM-BUDGET" && fault?.exitCode == 71)
  }

  @Test func divergenceStopsWithTheStepAndKeepsTheBest() throws {
    let run = try TinyRun()
    var options = TinyRun.options
    options.learningRate = 1e30
    options.steps = 50
    let tuner = run.tuner(options)
    let fault = #expect(throws: Fault.self) { try tuner.run() }
    #expect(fault?.code == "NUM-DIVERGE")
    #expect(fault?.exitCode == 65)
    #expect(tuner.student.latents == tuner.state["latents"]?.best)
    #expect(tuner.student.latents.allSatisfy { $0.elements.allSatisfy(\.isFinite) })
  }

  @Test func roundedLastStepsTrainOnWhatIsStored() throws {
    let run = try TinyRun()
    var options = TinyRun.options
    options.quantizedSteps = 6
    // Latents that have not been rounded do better on validation and must not be kept for it.
    options.validationInterval = 2
    let student = run.tuner(options).student
    let data = TuningData(
      training: Array(run.examples.prefix(32)), validation: Array(run.examples.suffix(8)),
      teacher: run.teacher)
    // A rounding so coarse that every latent in force is a multiple of two.
    let rounding = LatentTraining.Rounding { (_, latent, _) throws(Fault) in
      var rounded = latent
      for index in rounded.elements.indices {
        rounded.elements[index] = (rounded.elements[index] / 2).rounded() * 2
      }
      return rounded
    }
    let tuner = Tuner(
      student: student, data: data, options: options,
      trainables: [LatentTraining(student.latents, rounding: rounding)])
    try tuner.run()
    let history = tuner.state.history
    #expect(history.bestStep >= options.steps - 6)
    let plain = history.validationLoss.filter { $0.step < options.steps - 6 }.map(\.loss).min()
    #expect(try #require(plain) < history.bestLoss)
    #expect(
      tuner.student.latents.allSatisfy { $0.elements.allSatisfy { $0 / 2 == ($0 / 2).rounded() } })
  }
}
