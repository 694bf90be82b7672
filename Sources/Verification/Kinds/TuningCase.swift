import Faults
import JSON
import LinearAlgebra
import Models
import Tensors
import Training

/// `tuning`: a whole run of the product's tuner, with its data order, schedule, validation and coordinates
/// (`formats/golden.md` §4.13).
enum TuningCase {
  /// Streams of coordinates begin here, far from those of factors.
  private static let stream = 1 << 21

  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let (golden, parameters) = (context.golden, context.golden.parameters)
    let model = try SeededStudent(context)
    let trained = try parameters["training"].int(in: 1...max(model.examples.count - 1, 1))
    let teacher = try model.teacher.map { (teacher) throws(Fault) in
      DecoderPool(
        weights: try context.workshop.weights(try context.path("base")), updates: teacher.updates,
        threads: context.workshop.options.threads)
    }
    let data = TuningData(
      training: Array(model.examples.prefix(trained)),
      validation: Array(model.examples.dropFirst(trained)), teacher: teacher)
    var trainable: any Trainable = LatentTraining(model.student.latents)
    if try parameters["whitened"].bool() {
      trainable = WhitenedTraining(
        LatentTraining(model.student.latents),
        coordinates: try coordinates(of: model.student.latents, seed: golden.seed))
    }
    let tuner = Tuner(
      student: model.student, data: data, options: try options(parameters, model.objective),
      trainables: [trainable])
    try tuner.run()
    let answers = try GradientCase.split(
      try context.tensors(), "values", into: model.student.modules.count)
    let tolerance = try golden.tolerance("loss")
    func losses(_ name: String, _ found: [Double]) throws(Fault) -> Measurement {
      Measurement(
        name,
        error: Comparison.relative(found, try Numbers.doubles(golden.expected[name])),
        tolerance: tolerance)
    }
    let history = tuner.state.history
    return .measured([
      try losses("losses", history.trainLoss),
      try losses("validationLosses", history.validationLoss.map(\.loss)),
      Measurement(
        "values",
        error: Comparison.relative(
          tuner.state.sections.flatMap { $0.values.flatMap(\.elements) }, answers.flatMap { $0 }),
        tolerance: try golden.tolerance("values")),
    ])
  }

  private static func options(
    _ parameters: JSONField, _ objective: TuningOptions.Objective
  ) throws(Fault) -> TuningOptions {
    var options = TuningOptions()
    options.objective = objective
    options.seed = UInt64(try parameters["orderSeed"].int(in: 0...Int.max))
    options.batchSize = try parameters["batchSize"].int(in: 1...4096)
    options.steps = try parameters["steps"].int(in: 1...100_000)
    options.warmup = try parameters["warmup"].int(in: 0...100_000)
    options.learningRate = try parameters["learningRate"].double()
    options.nearStart = TuningOptions.NearStart(
      fullRateLoss: try parameters["fullRateLoss"].double())
    options.validationInterval = try parameters["validationInterval"].int(in: 1...100_000)
    return options
  }

  /// `L` and `R` of every module: `I + (N + Nᵀ)/16`, N from the seed.
  private static func coordinates(
    of latents: [Matrix<Float>], seed: UInt64
  ) throws(Fault) -> [ModuleCoordinates] {
    try latents.enumerated().map { (index, latent) throws(Fault) in
      func factor(_ side: Int, _ rank: Int) throws(Fault) -> (
        factor: Matrix<Double>, inverse: Matrix<Double>
      ) {
        var generator = SeededGenerator(seed: seed, stream: UInt64(stream + 2 * index + side))
        let normals = generator.normals(rank * rank)
        var factor = Matrix<Double>.identity(rank)
        for row in 0..<rank {
          for column in 0..<rank {
            factor[row, column] +=
              (normals[row * rank + column] + normals[column * rank + row]) / 16
            factor[row, column] = Double(Float(factor[row, column]))
          }
        }
        return (factor, try Cholesky(factor).solving(.identity(rank)))
      }
      let (left, right) = (try factor(0, latent.rows), try factor(1, latent.columns))
      return ModuleCoordinates(
        left: left.factor, right: right.factor, leftInverse: left.inverse,
        rightInverse: right.inverse)
    }
  }
}
