import Checkpoints
import Faults
import Files
import LinearAlgebra
import Models
import Tensors
import TestSupport
import Testing
import Training

/// What trains is named numbers with a way into the model and a way back.
@Suite struct TrainableTests {
  /// A kind that the tuner has never heard of: one factor of all latents.
  private struct ScaleTraining: Trainable {
    let name = "scale"
    let latents: [Matrix<Float>]
    var values: [Matrix<Float>] { [Matrix(rows: 1, columns: 1, elements: [0.5])] }

    func inForce(
      _ values: [Matrix<Float>], roundedAt level: Int?
    ) throws(Fault) -> [Matrix<Float>] {
      latents.map { latent in
        Matrix(
          rows: latent.rows, columns: latent.columns,
          elements: latent.elements.map { $0 * values[0].elements[0] })
      }
    }

    func apply(_ inForce: [Matrix<Float>], to student: StudentModel) { student.latents = inForce }

    func gradients(of pass: StudentGradients) -> [Matrix<Float>] { pass.latents }

    func pullBack(
      _ gradients: [Matrix<Float>], values: [Matrix<Float>], inForce: [Matrix<Float>]
    ) -> [Matrix<Float>] {
      let products = zip(gradients, latents).flatMap { zip($0.elements, $1.elements).map(*) }
      return [Matrix(rows: 1, columns: 1, elements: [products.reduce(0, +)])]
    }
  }

  private func tuner(_ run: TinyRun, _ trainables: [any Trainable]) -> Tuner {
    let plain = run.tuner(TinyRun.options)
    return Tuner(
      student: plain.student,
      data: TuningData(
        training: Array(run.examples.prefix(32)), validation: Array(run.examples.suffix(8)),
        teacher: run.teacher), options: TinyRun.options, trainables: trainables)
  }

  /// The teacher's own latents with one factor, which finds its way to one: also from a checkpoint.
  @Test func aNewKindIsOneType() throws {
    let run = try TinyRun()
    let latents = run.modules.map { module in
      run.updates[module.layer, module.kind]?.coreMatrix
        ?? Matrix(rows: 2, columns: 2)
    }
    let scale = ScaleTraining(latents: latents)
    let whole = tuner(run, [scale])
    try whole.run()
    let found = try #require(whole.state["scale"]?.best.first?.elements.first)
    #expect(abs(found - 1) < abs(0.5 - 1) / 2, "\(found)")
    let losses = whole.state.history.validationLoss.map(\.loss)
    #expect(whole.state.history.bestLoss < losses[0] / 2)
    try withTemporaryDirectory { folder in
      let checkpoint = TuningCheckpoint(path: Paths.join(folder, "state"), planDigest: "p")
      let stop = Fault(.temporary, "STOP", "as if killed")
      #expect(throws: stop) {
        try tuner(run, [scale]).run(checkpoint: { (state) throws(Fault) in
          try checkpoint.save(state)
          throw stop
        })
      }
      let resumed = tuner(run, [scale])
      resumed.resume(from: try #require(checkpoint.load(matching: resumed.state).state))
      #expect(resumed.state.step == 5)
      try resumed.run()
      #expect(resumed.state["scale"]?.values == whole.state["scale"]?.values)
      // A checkpoint of other numbers is none of this run's.
      let loaded = checkpoint.load(matching: run.tuner(TinyRun.options).state)
      #expect(loaded.state == nil && loaded.warnings.count == 1)
    }
  }

  /// A gradient of M̃ is `L·g·R`: moving along it in coordinates is what the chain rule says.
  @Test func whitenedGradientsPullBack() throws {
    let left = Matrix<Double>(rows: 2, columns: 2, elements: [2, 0.5, 0.5, 1])
    let right = Matrix<Double>(rows: 2, columns: 2, elements: [1, -0.25, -0.25, 3])
    let coordinates = ModuleCoordinates(
      left: left, right: right, leftInverse: try Cholesky(left).solving(.identity(2)),
      rightInverse: try Cholesky(right).solving(.identity(2)))
    let latent = Matrix<Float>(rows: 2, columns: 2, elements: [1, 2, 3, 4])
    let training = WhitenedTraining(LatentTraining([latent]), coordinates: [coordinates])
    let back = try training.inForce(training.values, roundedAt: nil)
    #expect(relativeError(back[0].elements, latent.elements) < 1e-6)
    let gradient = Matrix<Float>(rows: 2, columns: 2, elements: [1, 0, 0, 0])
    let pulled = training.pullBack([gradient], values: training.values, inForce: back)
    // L e₁e₁ᵀ R: the outer product of L's first column and R's first row.
    #expect(relativeError(pulled[0].elements, [2, -0.5, 0.5, -0.125]) < 1e-6)
  }

  @Test func masksKeepNumbersStill() throws {
    let mask = Matrix<Float>(rows: 2, columns: 2, elements: [1, 0, 0, 1])
    let run = try TinyRun()
    let start = run.modules.map { _ in Matrix<Float>(rows: 2, columns: 2) }
    let masked = tuner(run, [LatentTraining(start, masks: start.map { _ in mask })])
    try masked.run()
    let values = try #require(masked.state["latents"]?.values)
    #expect(values.allSatisfy { $0.elements[1] == 0 && $0.elements[2] == 0 })
    #expect(values.contains { $0.elements[0] != 0 })
  }

  /// Rounding begins with the last steps, is settled once, and what is best afterwards is rounded.
  @Test func roundingIsSettledOnce() throws {
    let run = try TinyRun()
    var options = TinyRun.options
    options.quantizedSteps = 6
    var asked = 0
    let rounding = LatentTraining.Rounding(
      settle: { (_) throws(Fault) in
        asked += 1
        return 3
      },
      roundTrip: { (_, latent, level) throws(Fault) in
        Matrix(
          rows: latent.rows, columns: latent.columns,
          elements: latent.elements.map { ($0 * Float(level)).rounded() / Float(level) })
      })
    let plain = run.tuner(options)
    let tuner = Tuner(
      student: plain.student,
      data: TuningData(
        training: Array(run.examples.prefix(32)), validation: Array(run.examples.suffix(8)),
        teacher: run.teacher), options: options,
      trainables: [LatentTraining(plain.student.latents, rounding: rounding)])
    try tuner.run()
    #expect(asked == 1 && tuner.state.history.roundingLevel == 3)
    #expect(tuner.state.history.bestStep > 6)
    let numbers = tuner.student.latents.flatMap(\.elements)
    #expect(numbers.allSatisfy { abs($0 * 3 - ($0 * 3).rounded()) < 1e-5 })
    #expect(numbers.contains { $0 != 0 })
  }
}
