import Checkpoints
import Faults
import Foundation
import LinearAlgebra
import Models
import Tensors
import TestSupport
import Testing

/// Blocks read from disk at every pass give what held ones give.
@Suite struct StreamingTests {
  /// With one feed-forward layer, and with experts.
  private static let bases = ["golden/tiny/model", "golden/models/qwen2moe"]
  private static let shapes: [(prompt: Int, completion: Int)] = [(9, 2), (3, 1), (14, 4), (2, 2)]

  private func batch(_ index: Int, vocabulary: Int) -> TokenBatch {
    var generator = SeededGenerator(seed: 5, stream: UInt64(index))
    let shape = StreamingTests.shapes[index]
    let tokens = (0..<shape.prompt + shape.completion).map { _ in
      Int32(generator.index(below: vocabulary))
    }
    var batch = TokenBatch()
    batch.append(
      prompt: Array(tokens[..<shape.prompt]), completion: Array(tokens[shape.prompt...]))
    return batch
  }

  private func updates(_ configuration: DecoderConfiguration) -> UpdateSet {
    var generator = SeededGenerator(seed: 6)
    func random(_ rows: Int, _ columns: Int) -> Matrix<Float> {
      Matrix(
        rows: rows, columns: columns,
        elements: generator.normals(rows * columns).map { Float($0 * 0.1) })
    }
    var updates = UpdateSet(layerCount: configuration.layerCount)
    for module in configuration.linearModules {
      updates[module.layer, module.kind] = ModuleUpdate(
        inputFactor: random(module.inFeatures, 3), core: random(2, 3),
        outputFactor: random(module.outFeatures, 2))
    }
    return updates
  }

  @Test(arguments: [false, true], bases)
  func resultsAreTheSameToTheBit(recomputes: Bool, name: String) throws {
    let base = try BaseCheckpoint.open(Checkout.path(name))
    let updates = updates(base.configuration)
    func results(_ weights: DecoderWeights, threads: Int) throws -> [[Matrix<Float>]] {
      let pool = DecoderPool(
        weights: weights, updates: updates, threads: threads, recomputes: recomputes)
      let vocabulary = weights.configuration.vocabularySize
      return try pool.map(StreamingTests.shapes.count) { (index, decoder) throws(Fault) in
        let batch = batch(index, vocabulary: vocabulary)
        let hidden = try decoder.forward(batch, recording: true)
        let (_, gradient) = decoder.head.loss(
          hidden, targets: batch.targets, teacher: nil,
          objective: OutputHead.Objective(crossEntropy: 1, distillation: 0))
        return [hidden] + (try decoder.backward(gradient))
      }
    }
    let held = try results(try DecoderWeights(base: base), threads: 1)
    for threads in [1, 3] {
      #expect(try results(try DecoderWeights(streaming: base), threads: threads) == held)
    }
  }

  /// Groups there and back together, with all that they keep, with a part of it, or one after another: the same bits.
  @Test(arguments: [nil, 1, 120_000] as [Int?], [ProductPrecision.float32, .bfloat16])
  func gradientsAreTheSameToTheBit(passBytes: Int?, precision: ProductPrecision) throws {
    for name in Self.bases { try compareGradients(name, passBytes, precision) }
  }

  private func compareGradients(
    _ name: String, _ passBytes: Int?, _ precision: ProductPrecision
  ) throws {
    let base = try BaseCheckpoint.open(Checkout.path(name))
    let updates = updates(base.configuration)
    let vocabulary = base.configuration.vocabularySize
    let groups = [[0, 1], [2], [3]].map { indices in
      DecoderPool.Group(indices.map { batch($0, vocabulary: vocabulary) }, state: 0.0)
    }
    func results(_ weights: DecoderWeights, threads: Int) throws -> [[[Matrix<Float>]]] {
      let pool = DecoderPool(
        weights: weights, updates: updates, threads: threads, precision: precision)
      let found = try pool.gradients(groups) {
        (total, group, place, decoder, hidden) throws(Fault) in
        let (loss, gradient) = decoder.head.loss(
          hidden, targets: groups[group].batches[place].targets, teacher: nil,
          objective: OutputHead.Objective(crossEntropy: 1, distillation: 0))
        total += loss
        return gradient
      }
      #expect(found.allSatisfy { $0.state > 0 })
      return found.map { $0.gradients.map(\.latents) }
    }
    let held = try results(try DecoderWeights(base: base), threads: 1)
    for threads in [1, 3] {
      let streamed = try DecoderWeights(streaming: base, passByteCount: passBytes)
      #expect(try results(streamed, threads: threads) == held)
    }
  }

  @Test func completionsAreTheSame() throws {
    let base = try BaseCheckpoint.open(Checkout.path("golden/tiny/model"))
    let (held, streamed) = (
      try DecoderWeights(base: base), try DecoderWeights(streaming: base)
    )
    let found = try GreedyDecoder(Decoder(weights: streamed, threads: 1))
      .complete(prompt: [3, 1, 4], limit: 6)
    let expected = try GreedyDecoder(Decoder(weights: held, threads: 1))
      .complete(prompt: [3, 1, 4], limit: 6)
    #expect(found == expected)
  }

  @Test func aCutFileEndsThePass() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/model"
      try FileManager.default.copyItem(atPath: Checkout.path("golden/tiny/model"), toPath: path)
      let weights = try DecoderWeights(streaming: try BaseCheckpoint.open(path))
      let handle = try FileHandle(
        forWritingTo: URL(fileURLWithPath: path + "/model.safetensors"))
      try handle.truncate(atOffset: 4096)
      try handle.close()
      let decoder = Decoder(weights: weights, threads: 1)
      let batch = batch(0, vocabulary: weights.configuration.vocabularySize)
      let found = fault { () throws(Fault) in try decoder.forward(batch) }
      #expect(found?.exitCode == 75)
    }
  }
}
