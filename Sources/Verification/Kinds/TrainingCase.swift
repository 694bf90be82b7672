import Faults
import JSON
import Tensors
import Training

/// `training`: the loss curve and the latents after a few AdamW steps (`formats/golden.md` §4.5).
enum TrainingCase {
  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let golden = context.golden
    let parameters = golden.parameters
    let model = try SeededStudent(context)
    let rates = try Numbers.doubles(parameters["learningRates"])
    let batchSize = try parameters["batchSize"].int(in: 1...4096)
    guard !rates.isEmpty, rates.count * batchSize <= model.examples.count else {
      throw parameters["learningRates"].fault("more steps than the examples last for")
    }
    var optimizer = AdamW(count: model.student.latents.reduce(0) { $0 + $1.elements.count })
    optimizer.beta1 = try parameters["optimizer"]["beta1"].double()
    optimizer.beta2 = try parameters["optimizer"]["beta2"].double()
    optimizer.epsilon = try parameters["optimizer"]["epsilon"].double()
    optimizer.weightDecay = try parameters["optimizer"]["weightDecay"].double()
    var losses: [Double] = []
    var norms: [Double] = []
    for (step, rate) in rates.enumerated() {
      let (loss, gradients) = try model.gradient(step * batchSize..<(step + 1) * batchSize)
      losses.append(loss)
      norms.append(gradients.reduce(0.0) { $0 + $1.squaredNorm }.squareRoot())
      take(gradients, rate, &optimizer, model.student)
    }
    let last = (rates.count - 1) * batchSize..<rates.count * batchSize
    let tolerance = try golden.tolerance("loss")
    let expected = golden.expected
    let after = try expected["lastBatchLossAfter"].double()
    var worst = 0.0
    let answers = try GradientCase.split(
      try context.tensors(), "latents", into: model.student.modules.count)
    worst = Comparison.relative(
      model.student.latents.flatMap(\.elements), answers.flatMap { $0 })
    return .measured([
      Measurement("schedule", error: try schedule(parameters, rates), tolerance: 1e-12),
      Measurement(
        "losses",
        error: Comparison.relative(losses, try Numbers.doubles(expected["losses"])),
        tolerance: tolerance),
      Measurement(
        "gradient norms",
        error: Comparison.relative(norms, try Numbers.doubles(expected["gradientNorms"])),
        tolerance: try golden.tolerance("gradientNorm", default: 10 * tolerance)),
      Measurement(
        "loss after", error: Comparison.relative([try model.loss(last)], [after]),
        tolerance: tolerance),
      Measurement("latents", error: worst, tolerance: try golden.tolerance("latent")),
    ])
  }

  private static func take(
    _ gradients: [Matrix<Float>], _ rate: Double, _ optimizer: inout AdamW, _ student: StudentModel
  ) {
    var latents = student.latents
    var parameters = latents.flatMap(\.elements)
    optimizer.update(&parameters, gradient: gradients.flatMap(\.elements), learningRate: rate)
    var offset = 0
    for index in latents.indices {
      let count = latents[index].elements.count
      latents[index].elements = Array(parameters[offset..<offset + count])
      offset += count
    }
    student.latents = latents
  }

  /// Whether the product's own schedule gives the listed rates.
  private static func schedule(_ parameters: JSONField, _ rates: [Double]) throws(Fault) -> Double {
    var options = TuningOptions()
    options.steps = rates.count
    options.warmup = try parameters["warmup"].int(in: 0...rates.count)
    options.learningRate = try parameters["learningRate"].double()
    return Comparison.relative(rates.indices.map { options.learningRate(at: $0) }, rates)
  }
}
