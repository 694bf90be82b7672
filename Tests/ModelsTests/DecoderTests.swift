import Checkpoints
import Foundation
import LinearAlgebra
import Models
import Tensors
import TestSupport
import Testing

@Suite struct DecoderTests {
  @Test(arguments: [true, false])
  func logitsAgreeWithReference(tied: Bool) throws {
    let model = try TinyModel(seed: 11, hasTiedEmbeddings: tied)
    let decoder = Decoder(weights: model.weights, updates: model.updates, threads: 2)
    let head = OutputHead(weights: model.weights, threads: 2)
    var batch = TokenBatch()
    let sequences: [[Int32]] = [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13], [36], [7, 7]]
    for sequence in sequences { batch.append(all: sequence) }
    let found = head.logits(try decoder.forward(batch))
    let expected = sequences.flatMap { model.reference.logits($0).flatMap { $0 } }
    #expect(relativeError(found.elements, expected) < 1e-5)
    // Without recording the blocks share buffers; the result is the same.
    let recorded = head.logits(try decoder.forward(batch, recording: true))
    #expect(recorded == found)
  }

  @Test func gradientsAgreeWithTheReference() throws {
    let model = try TinyModel(seed: 12)
    let decoder = Decoder(weights: model.weights, updates: model.updates, threads: 2)
    let head = OutputHead(weights: model.weights, threads: 2)
    let batch = TinyModel.batch
    let (value, gradient) = head.loss(
      try decoder.forward(batch, recording: true), targets: batch.targets, teacher: nil,
      objective: OutputHead.Objective(crossEntropy: 1, distillation: 0))
    let reference = ReferencePass(model.reference)
    let loss = reference.loss(TinyModel.examples)
    loss.differentiate()
    #expect(relativeError([value], loss.value.elements) < 1e-5)
    let found = try decoder.backward(gradient)
    let trainable = decoder.updates.trainable
    #expect(found.count == 14)
    for (gradient, module) in zip(found, trainable) {
      let name = LinearModule(
        layer: module.layer, kind: module.kind, configuration: model.reference.configuration
      ).name
      let expected = try #require(reference.factors[name]).core.gradient
      #expect(relativeError(gradient.elements, expected.elements) < 1e-4, "\(name)")
    }
  }

  /// The last columns of both factors, as those of the core; with blocks run again and with factors replaced.
  @Test(arguments: [false, true])
  func factorGradientsAgreeWithTheReference(recomputes: Bool) throws {
    let model = try TinyModel(seed: 12, trainedColumns: 2)
    for module in model.updates.trainable {
      let name = LinearModule(
        layer: module.layer, kind: module.kind, configuration: model.reference.configuration
      ).name
      let update = try #require(model.reference.updates[name])
      module.update.setFactors(
        input: update.input.converted(), output: update.output.converted())
    }
    let decoder = Decoder(
      weights: model.weights, updates: model.updates, threads: 2, recomputes: recomputes)
    let head = OutputHead(weights: model.weights, threads: 2)
    let batch = TinyModel.batch
    let (_, gradient) = head.loss(
      try decoder.forward(batch, recording: true), targets: batch.targets, teacher: nil,
      objective: OutputHead.Objective(crossEntropy: 1, distillation: 0))
    let factors = FactorGradients()
    _ = try decoder.backward(gradient, factors: factors)
    let reference = ReferencePass(model.reference)
    reference.loss(TinyModel.examples).differentiate()
    for module in model.updates.trainable {
      let name = LinearModule(
        layer: module.layer, kind: module.kind, configuration: model.reference.configuration
      ).name
      let found = try #require(factors[module.layer, module.kind])
      let expected = try #require(reference.factors[name])
      for (side, whole) in [(found.output, expected.output), (found.input, expected.input)] {
        let columns = whole.value.columns
        let last = whole.gradient.selectingColumns([columns - 2, columns - 1])
        #expect(relativeError(side.elements, last.elements) < 1e-4, "\(name)")
      }
    }
  }

  @Test func distillationGradientVanishesAtTheTeacherAndOnlyThere() throws {
    let model = try TinyModel(seed: 13)
    let decoder = Decoder(weights: model.weights, updates: model.updates, threads: 2)
    let head = OutputHead(weights: model.weights, threads: 2)
    let objective = OutputHead.Objective(crossEntropy: 0, distillation: 1)
    let hidden = try decoder.forward(TinyModel.batch, recording: true)
    let same = head.loss(
      hidden, targets: TinyModel.batch.targets, teacher: hidden, objective: objective)
    #expect(abs(same.value) < 1e-6)
    #expect(same.gradient.elements.allSatisfy { abs($0) < 1e-6 })
    var other = hidden
    for index in other.elements.indices { other.elements[index] *= 1.1 }
    let apart = head.loss(
      hidden, targets: TinyModel.batch.targets, teacher: other, objective: objective)
    #expect(apart.value > 1e-3)
  }

  @Test func greedyCompletionFollowsTheReference() throws {
    let model = try TinyModel(seed: 14)
    let decoder = Decoder(weights: model.weights, updates: model.updates, threads: 1)
    var sequence: [Int32] = [5, 17, 3]
    let found = try GreedyDecoder(decoder).complete(prompt: sequence, limit: 8)
    for token in found {
      let row = model.reference.logits(sequence).last ?? []
      let best = row.indices.max { row[$0] < row[$1] }
      #expect(token == best.map { Int32($0) })
      sequence.append(token)
    }
    #expect(found.count == 8)
  }

  @Test func rowsHaveTheMeanOuterProduct() throws {
    let model = try TinyModel(seed: 15)
    let decoder = Decoder(weights: model.weights, threads: 1)
    var batch = TokenBatch()
    batch.append(all: [4, 5, 6, 7])
    var normed = Matrix<Float>(rows: 0, columns: 0)
    _ = try decoder.forward(batch, recording: true) { layer, stream in
      if layer == 0 { normed = stream }
    }
    let curvature = try CurvatureCollector(
      model.reference.configuration, batches: [4], seed: 0, scratch: NSTemporaryDirectory())
    _ = try decoder.backward(
      Matrix(rows: 4, columns: 16), curvature: curvature.accumulator(batch: 0))
    let module = LinearModule(
      layer: 0, kind: .key, configuration: model.reference.configuration)
    let rows = try #require(try curvature.rows.inputRows(module))
    #expect(rows.rows == 4)
    let covariance = rows.times(rows, transposeSelf: true)
    // C of layer 0 from its definition: RMS-normed embeddings.
    let weight = model.reference.weights["model.layers.0.input_layernorm.weight"]
    var expected = Matrix<Double>(rows: 16, columns: 16)
    for token in 0..<4 {
      let row = (0..<16).map { Double(normed[token, $0]) }
      let scale = 1 / (row.reduce(0) { $0 + $1 * $1 } / 16 + 1e-5).squareRoot()
      let x = row.indices.map { row[$0] * scale * (weight?.elements[$0] ?? 0) }
      for i in 0..<16 { for j in 0..<16 { expected[i, j] += x[i] * x[j] / 4 } }
    }
    // BF16 keeps eight bits.
    #expect(relativeError(covariance.elements, expected.elements) < 4e-3)
    #expect(try curvature.rows.outputRows(module)?.elements.allSatisfy { $0 == 0 } == true)
  }
}
