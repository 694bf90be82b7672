import Checkpoints
import Faults
import Foundation
import Models
import Tensors
import TestSupport
import Testing

/// Encoders, and a decoder, with heads for classes against Transformers' own classes (`golden/tools/make_classes.py`): logits, losses, gradients and
/// second moments, of classes and of numbers.
@Suite struct EncoderTests {
  static let folders = [
    "bert", "roberta", "roberta-score", "xlm-roberta", "deberta", "vit", "vit-pixels",
    "qwen2-score",
  ]

  @Test(arguments: folders)
  func agreesWithTransformers(_ name: String) throws {
    let model = try EncoderModel(name)
    let base = try BaseCheckpoint.open(EncoderModel.folder(name))
    #expect(base.linearModules.map(\.name) == model.modules)
    for streamed in [false, true] {
      let weights = try streamed ? DecoderWeights(streaming: base) : DecoderWeights(base: base)
      try EncoderTests.compare(model, base, weights, recomputes: streamed)
    }
  }

  /// Logits, loss, gradients and second moments of `weights` against the model's golden ones.
  static func compare(
    _ model: EncoderModel, _ base: BaseCheckpoint, _ weights: DecoderWeights, recomputes: Bool
  ) throws {
    let batch = model.batch
    let plain = Decoder(weights: weights, threads: 2)
    let logits = plain.head.logits(try plain.forward(batch))
    #expect(try relativeError(logits.elements, model.expected("logits")) < 1e-5)
    // Blocks taken one after the other, as where they are not held.
    let passed = try DecoderPool(weights: weights, threads: 2).forward([batch]) {
      $1.head.logits($2)
    }
    #expect(relativeError(passed[0].elements, logits.elements) < 1e-6)

    let (updates, probes) = FamilyModel.updates(of: base)
    let decoder = Decoder(weights: weights, updates: updates, threads: 2, recomputes: recomputes)
    let collector = try CurvatureCollector(
      base.configuration, batches: [batch.tokens.count], seed: 0, scratch: NSTemporaryDirectory())
    let (loss, gradient) = decoder.head.loss(
      try decoder.forward(batch, recording: true), targets: batch.targets, values: batch.values,
      teacher: nil, objective: OutputHead.Objective(crossEntropy: 1, distillation: 0))
    #expect(try relativeError([loss], model.expected("loss")) < 1e-5)
    let found = try decoder.backward(gradient, curvature: collector.accumulator(batch: 0))
    let expected = try model.expected("gradient")
    for (index, module) in base.linearModules.enumerated() {
      let error = relativeError(
        found[index].elements, Array(expected[4 * index..<4 * index + 4]))
      #expect(error < 1e-4, "\(model.name) \(module.name) \(error)")
    }
    let moments = try model.expected("moments")
    for (index, module) in base.linearModules.enumerated() {
      let input = try #require(try collector.rows.inputRows(module))
      let output = try #require(try collector.rows.outputRows(module))
      let values = [
        quadratic(input, probes[index].input), quadratic(output, probes[index].output),
      ]
      for (value, wanted) in zip(values, moments[2 * index..<2 * index + 2]) {
        #expect(
          abs(value.sum - wanted) < 1e-2 * max(wanted, value.size), "\(model.name) \(module.name)")
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

  // MARK: - The head

  /// Gradients of a head's own numbers against central differences of the loss, with and without a teacher.
  @Test(arguments: folders, [false, true])
  func headsHaveGradients(_ name: String, hasTeacher: Bool) throws {
    let model = try EncoderModel(name)
    let weights = try DecoderWeights(base: BaseCheckpoint.open(EncoderModel.folder(name)))
    let layers = try #require(weights.classes).copy()
    var updates = UpdateSet(layerCount: weights.configuration.layerCount)
    updates.classes = layers
    let decoder = Decoder(weights: weights, updates: updates, threads: 1)
    let hidden = try decoder.forward(model.batch)
    let teacher = hasTeacher ? hidden.selectingRows([1, 2, 3, 0]) : nil
    let objective = OutputHead.Objective(
      crossEntropy: 0.5, distillation: hasTeacher ? 0.5 : 0)
    // The teacher answers by the same head, but is not moved with it here.
    let fixed = OutputHead(weights: weights, threads: 1)
    func loss(_ sums: ClassGradients? = nil) -> Double {
      if hasTeacher {
        // Its part of the gradient is that of a fixed distribution: only the cross-entropy is compared.
        return decoder.head.loss(
          hidden, targets: model.batch.targets, values: model.batch.values, teacher: nil,
          objective: objective, gradients: sums
        ).value
      }
      return decoder.head.loss(
        hidden, targets: model.batch.targets, values: model.batch.values, teacher: teacher,
        objective: objective, gradients: sums
      ).value
    }
    #expect(relativeError(fixed.logits(hidden).elements, decoder.head.logits(hidden).elements) == 0)
    let sums = ClassGradients()
    _ = loss(sums)
    let gradients = layers.gradients(sums)
    #expect(gradients.count == layers.parameters.count)
    for (index, gradient) in gradients.enumerated() {
      for place in [0, gradient.elements.count - 1] {
        func moved(_ step: Float) -> Double {
          var parameters = layers.parameters
          let old = parameters
          parameters[index].elements[place] += step
          layers.parameters = parameters
          defer { layers.parameters = old }
          return loss()
        }
        let step: Float = 1.0 / 128
        let difference = (moved(step) - moved(-step)) / Double(2 * step)
        let found = Double(gradient.elements[place])
        #expect(abs(found - difference) < 2e-3 * max(abs(difference), 0.05), "\(index) \(place)")
      }
    }
  }

  /// Labels, or numbers, drawn from the model's own distribution: over many draws the squares come to the Fisher's.
  @Test func sampledGradientsAreTheFishers() throws {
    for name in ["roberta", "roberta-score"] {
      let model = try EncoderModel(name)
      let weights = try DecoderWeights(base: BaseCheckpoint.open(EncoderModel.folder(name)))
      let decoder = Decoder(weights: weights, threads: 1)
      let hidden = try decoder.forward(model.batch).selectingRows([0])
      var generator = SeededGenerator(seed: 3)
      var square = 0.0
      let count = 4000
      for _ in 0..<count {
        let row = decoder.head.sampledGradient(hidden, generator: &generator).elements
        square += row.reduce(0) { $0 + Double($1) * Double($1) } / Double(count)
      }
      // The exact expectation: over classes of p·‖∂(−ln p)‖², of numbers 2·‖∂z‖².
      let logits = decoder.head.logits(hidden).elements.map(Double.init)
      var expected = 0.0
      if logits.count == 1 {
        let slope = decoder.head.loss(
          hidden, targets: [0], values: [Float(logits[0]) - 0.5], teacher: nil,
          objective: OutputHead.Objective(crossEntropy: 1, distillation: 0)
        ).gradient.elements
        expected = 2 * slope.reduce(0) { $0 + Double($1) * Double($1) }
      } else {
        let sum = logits.reduce(0) { $0 + exp($1) }
        for (label, logit) in logits.enumerated() {
          let slope = decoder.head.loss(
            hidden, targets: [Int32(label)], teacher: nil,
            objective: OutputHead.Objective(crossEntropy: 1, distillation: 0)
          ).gradient.elements
          expected += exp(logit) / sum * slope.reduce(0) { $0 + Double($1) * Double($1) }
        }
      }
      #expect(abs(square - expected) < 0.1 * expected, "\(name) \(square) \(expected)")
    }
  }

  /// A batch of texts of both kinds and of one kind alone has a type for every token, or for none.
  @Test func typesOfTokensAreKeptApart() {
    var batch = TokenBatch()
    batch.append(whole: [1, 2], position: 0, target: 0)
    #expect(batch.types.isEmpty && batch.lossPositions == [0])
    batch.append(whole: [3, 4, 5], types: [0, 1, 1], position: 0, target: 2)
    batch.append(whole: [6], position: 0, target: 1)
    #expect(batch.types == [0, 0, 0, 1, 1, 0])
    #expect(batch.lossPositions == [0, 2, 5] && batch.targets == [0, 2, 1])
    #expect(batch.sequences == [0..<2, 2..<5, 5..<6])
  }
}
