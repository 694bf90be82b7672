import Checkpoints
import Faults
import JSON
import LinearAlgebra
import Models
import Tensors

/// One form of a model against its answers: logits, loss, gradients of cores, second moments, and decoding with a cache.
struct ModelComparison {
  private let context: CaseContext
  private let questions: ModelQuestions
  private let plain: Decoder
  private let updated: Decoder
  private let factors: [SeededFactors]
  private let modules: [LinearModule]

  init(
    _ context: CaseContext, _ questions: ModelQuestions, _ weights: DecoderWeights,
    recomputes: Bool
  ) throws(Fault) {
    self.context = context
    self.questions = questions
    modules = weights.configuration.linearModules
    let seed = context.golden.seed
    factors = modules.enumerated().map { SeededFactors(seed: seed, index: $0.offset, $0.element) }
    var updates = UpdateSet(layerCount: weights.configuration.layerCount)
    for (module, factors) in zip(modules, factors) {
      updates[module.layer, module.kind] = factors.update
    }
    let threads = context.workshop.options.threads
    plain = Decoder(weights: weights, threads: threads)
    updated = Decoder(
      weights: weights, updates: updates, threads: threads, recomputes: recomputes)
  }

  func run(_ errors: inout LargestErrors) throws(Fault) {
    try compareLogits(&errors)
    try compareGradients(&errors)
    try compareDecoding(&errors)
  }

  /// Of tokens with the updates, of a head without.
  private func compareLogits(_ errors: inout LargestErrors) throws(Fault) {
    let decoder = questions.positions == nil ? plain : updated
    var logits = decoder.head.logits(try decoder.forward(questions.shown))
    if let positions = questions.positions { logits = logits.selectingRows(positions) }
    errors.see(
      "logits", Comparison.relative(logits.elements, try context.tensors().doubles("logits")))
  }

  private func compareGradients(_ errors: inout LargestErrors) throws(Fault) {
    let (batch, tensors) = (questions.answered, try context.tensors())
    try TemporaryFolder.with { folder throws(Fault) in
      let collector = try CurvatureCollector(
        plain.weights.configuration, batches: [batch.tokens.count], seed: 0, scratch: folder)
      let (loss, gradient) = updated.head.loss(
        try updated.forward(batch, recording: true), targets: batch.targets, values: batch.values,
        teacher: nil, objective: OutputHead.Objective(crossEntropy: 1, distillation: 0))
      errors.see("loss", Comparison.relative([loss], try tensors.doubles("loss")))
      let found = try updated.backward(gradient, curvature: collector.accumulator(batch: 0))
      let expected = try GradientCase.split(tensors, "gradient", into: modules.count)
      guard found.count == modules.count else { return errors.see("gradient", .infinity) }
      for (found, expected) in zip(found, expected) {
        errors.see("gradient", Comparison.relative(found.elements, expected))
      }
      try compareMoments(collector.rows, &errors)
    }
  }

  /// `pᵀCp` and `qᵀGq` of every module.
  private func compareMoments(
    _ rows: CurvatureRows, _ errors: inout LargestErrors
  ) throws(Fault) {
    let moments = try context.tensors().matrix("moments")
    guard moments.rows == modules.count, moments.columns == 2 else {
      return errors.see("moments", .infinity)
    }
    for (index, (module, factors)) in zip(modules, factors).enumerated() {
      let sides = [
        (try rows.inputRows(module), factors.inputProbe),
        (try rows.outputRows(module), factors.outputProbe),
      ]
      for (side, (rows, probe)) in sides.enumerated() {
        guard let rows else { return errors.see("moments", .infinity) }
        let (sum, size) = ModelComparison.quadratic(rows, probe)
        let expected = moments[index, side]
        // An expert that no token went to has neither.
        let scale = max(abs(expected), size)
        errors.see("moments", scale == 0 ? 0 : abs(sum - expected) / scale)
      }
    }
  }

  /// `vᵀRᵀRv`, and the size of what is summed, which rounding to BF16 is a share of.
  private static func quadratic(
    _ rows: Matrix<Float>, _ probe: [Float]
  ) -> (sum: Double, size: Double) {
    var (sum, size) = (0.0, 0.0)
    for row in 0..<rows.rows {
      let terms = probe.indices.map { Double(rows[row, $0]) * Double(probe[$0]) }
      let image = terms.reduce(0, +)
      sum += image * image
      size += terms.reduce(0) { $0 + $1 * $1 }
    }
    return (sum, size)
  }

  /// How many tokens that are decoded with a cache are not the best ones of the whole sequence run at once.
  private func compareDecoding(_ errors: inout LargestErrors) throws(Fault) {
    guard !questions.opening.isEmpty else { return }
    let count = 10
    let found = try GreedyDecoder(updated).complete(prompt: questions.opening, limit: count)
    var batch = TokenBatch()
    batch.append(all: questions.opening + found)
    let logits = updated.head.logits(try updated.forward(batch))
    let best = (0..<found.count).map { step in
      let row = logits.selectingRows([questions.opening.count - 1 + step]).elements
      return row.indices.max { row[$0] < row[$1] }.map { Int32($0) } ?? -1
    }
    errors.see("decoding", Double(Comparison.differences(found, best) + count - found.count))
  }
}
