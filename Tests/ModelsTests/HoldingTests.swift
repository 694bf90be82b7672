import Checkpoints
import Faults
import LinearAlgebra
import Models
import Tensors
import TestSupport
import Testing

/// What is in memory for which passes, and that it changes no result.
@Suite struct HoldingTests {
  private let base: BaseCheckpoint
  private let updates: UpdateSet

  init() throws {
    base = try BaseCheckpoint.open(Checkout.path("golden/tiny/model"))
    var generator = SeededGenerator(seed: 6)
    func random(_ rows: Int, _ columns: Int) -> Matrix<Float> {
      Matrix(
        rows: rows, columns: columns,
        elements: generator.normals(rows * columns).map { Float($0 * 0.1) })
    }
    var updates = UpdateSet(layerCount: base.configuration.layerCount)
    for module in base.linearModules {
      updates[module.layer, module.kind] = ModuleUpdate(
        inputFactor: random(module.inFeatures, 3), core: random(2, 3),
        outputFactor: random(module.outFeatures, 2))
    }
    self.updates = updates
  }

  private func batches(_ count: Int) -> [TokenBatch] {
    (0..<count).map { index in
      var generator = SeededGenerator(seed: 5, stream: UInt64(index))
      let tokens = (0..<6 + index % 9).map { _ in
        Int32(generator.index(below: base.configuration.vocabularySize))
      }
      var batch = TokenBatch()
      batch.append(prompt: Array(tokens.dropLast(2)), completion: Array(tokens.suffix(2)))
      batch.append(prompt: tokens, completion: [tokens[0]])
      return batch
    }
  }

  private func hidden(
    _ weights: DecoderWeights, _ batches: [TokenBatch], threads: Int
  ) throws -> [Matrix<Float>] {
    try DecoderPool(weights: weights, updates: updates, threads: threads)
      .forward(batches) { (_, _, hidden) throws(Fault) in hidden }
  }

  private func gradients(
    _ weights: DecoderWeights, _ batches: [TokenBatch], precision: ProductPrecision
  ) throws -> [[Matrix<Float>]] {
    let pool = DecoderPool(weights: weights, updates: updates, threads: 2, precision: precision)
    return try pool.map(batches.count) { (index, decoder) throws(Fault) in
      let hidden = try decoder.forward(batches[index], recording: true)
      return try decoder.backward(
        decoder.head.loss(
          hidden, targets: batches[index].targets, teacher: nil,
          objective: OutputHead.Objective(crossEntropy: 1, distillation: 0)
        ).gradient)
    }
  }

  /// Bytes of `count` layouts of every block, with `bytes` a number.
  private func blockBytes(_ count: Int, _ bytes: Int) -> Int {
    let matrices = base.linearModules.reduce(0) { $0 + $1.outFeatures * $1.inFeatures }
    return count * bytes * matrices
  }

  private var vocabularyBytes: Int {
    base.configuration.vocabularySize * base.configuration.hiddenSize * 4
  }

  /// Steps in bfloat16 hold both of their layouts and nothing of the blocks in Float32, which passes in Float32 decode.
  @Test func stepsInBFloat16HoldNoFloats() throws {
    let batches = batches(5)
    let weights = try DecoderWeights(base: base)
    let loaded = weights.heldByteCount
    let expected = (
      hidden: try hidden(weights, batches, threads: 1),
      gradients: try gradients(weights, batches, precision: .bfloat16)
    )
    try weights.hold(.bfloat16, threads: 3)
    let held = weights.heldByteCount
    // Embeddings, and both of the head's layouts in bfloat16.
    #expect(held == 2 * vocabularyBytes + blockBytes(2, 2))
    for threads in [1, 3] {
      #expect(try hidden(weights, batches, threads: threads) == expected.hidden)
    }
    #expect(try gradients(weights, batches, precision: .bfloat16) == expected.gradients)
    #expect(weights.heldByteCount == held)

    try weights.hold(.float32, threads: 3)
    #expect(weights.heldByteCount == loaded)
    #expect(try hidden(weights, batches, threads: 2) == expected.hidden)
  }

  /// Embeddings of a streamed model are read from the file, a row at a time, and of its vocabulary the head alone is held.
  @Test func streamedModelsHoldNoEmbeddings() throws {
    #expect(!base.configuration.hasTiedEmbeddings)
    let weights = try DecoderWeights(streaming: base)
    #expect(weights.heldByteCount == vocabularyBytes)
    #expect(DecoderWeights.byteCount(streaming: base) > vocabularyBytes)
    #expect(DecoderWeights.byteCount(streaming: base) < 2 * vocabularyBytes + blockBytes(1, 8))
  }

  /// Where the head is the matrix of embeddings too, steps in bfloat16 read these from the file.
  @Test(arguments: ["golden/models/gemma3", "golden/models/gemma3/model.gguf"])
  func embeddingsOfATiedHead(name: String) throws {
    let base = try BaseCheckpoint.open(Checkout.path(name))
    #expect(base.configuration.hasTiedEmbeddings)
    let vocabulary = base.configuration.vocabularySize
    var batch = TokenBatch()
    let tokens = (0..<7).map { Int32($0 * 13 % vocabulary) }
    batch.append(prompt: Array(tokens[..<5]), completion: Array(tokens[5...]))
    func results(_ weights: DecoderWeights, _ precision: ProductPrecision) throws -> [[Double]] {
      try DecoderPool(weights: weights, threads: 2, precision: precision)
        .forward([batch]) { (_, decoder, hidden) throws(Fault) in
          let row = Matrix(
            rows: 1, columns: hidden.columns,
            elements: Array(hidden.elements.prefix(hidden.columns)))
          return decoder.head.candidateLogits(row, candidates: [0, 1, 5])
        }
    }
    let weights = try DecoderWeights(base: base)
    let loaded = weights.heldByteCount
    let expected = (try results(weights, .float32), try results(weights, .bfloat16))
    try weights.hold(.bfloat16, threads: 2)
    let held = weights.heldByteCount
    #expect(held < loaded + loaded / 8)
    #expect(try results(weights, .bfloat16) == expected.1)
    #expect(try results(weights, .float32) == expected.0)
    #expect(weights.heldByteCount == held)
    try weights.hold(.float32, threads: 2)
    #expect(weights.heldByteCount == loaded)
    #expect(try results(weights, .float32) == expected.0)
  }

  /// A pass in Float32 leaves none of the layouts that it made of the updates' factors.
  @Test func passesBlockByBlockLeaveNothing() throws {
    let weights = try DecoderWeights(streaming: base)
    let before = weights.heldByteCount
    _ = try hidden(weights, batches(3), threads: 2)
    #expect(weights.heldByteCount == before)
    for (_, _, update) in updates.trainable { #expect(update.byteCount == 0) }
    _ = try hidden(try DecoderWeights(base: base), batches(3), threads: 2)
    for (_, _, update) in updates.trainable { #expect(update.byteCount > 0) }
  }

  /// More tokens than go through a block together, and batches of unequal length.
  @Test func manyBatchesBlockByBlock() throws {
    let batches = batches(500)
    #expect(batches.reduce(0) { $0 + $1.tokens.count } > 8192)
    let expected = try hidden(try DecoderWeights(base: base), batches, threads: 1)
    for threads in [1, 3] {
      #expect(
        try hidden(try DecoderWeights(streaming: base), batches, threads: threads) == expected)
    }
  }

  /// Weights that cannot be decoded again stay.
  @Test func weightsWithoutASourceStayInFloat32() throws {
    let model = try TinyModel(seed: 3)
    func final() throws -> Matrix<Float> {
      try Decoder(weights: model.weights, updates: model.updates, threads: 1)
        .forward(TinyModel.batch)
    }
    let expected = try final()
    try model.weights.hold(.bfloat16, threads: 1)
    #expect(try final() == expected)
  }

  /// Gradients of cores need a part of what a pass computes, and that part gives the same.
  @Test func gradientsOfCoresKeepNoInputs() throws {
    let weights = try DecoderWeights(base: base)
    let batch = batches(9)[8]
    func pass(inputs: Bool) throws -> (bytes: Int, gradients: [Matrix<Float>]) {
      let decoder = Decoder(weights: weights, updates: updates, threads: 1)
      let hidden = try decoder.forward(batch, recording: true, inputs: inputs)
      return (
        decoder.tapeByteCount,
        try decoder.backward(
          decoder.head.loss(
            hidden, targets: batch.targets, teacher: nil,
            objective: OutputHead.Objective(crossEntropy: 1, distillation: 0)
          ).gradient)
      )
    }
    let (whole, part) = (try pass(inputs: true), try pass(inputs: false))
    #expect(part.gradients == whole.gradients)
    #expect(part.gradients.contains { $0.elements.contains { $0 != 0 } })
    // Attention's output of every block but the first, whose buffer is there for all; with room for an eighth more tokens.
    let block = try #require(base.configuration.blocks.first)
    let (tokens, layers) = (
      batch.tokens.count + batch.tokens.count / 8, base.configuration.layerCount
    )
    #expect(whole.bytes - part.bytes == 4 * tokens * block.attention.queryWidth * (layers - 1))
    // What norms and the activation give is not kept either: that of one block is there for all.
    let hidden = base.configuration.hiddenSize
    let kept = 2 * hidden + block.attention.columns.width + block.feedForward.wide
    let shared = 2 * hidden + block.attention.queryWidth + block.feedForward.size
    let small = 2 + 7 * 3
    let squares = batch.sequences.reduce(0) { $0 + $1.count * $1.count }
    let probabilities = block.attention.headCount * squares * 9 / 8
    #expect(
      part.bytes
        <= 4 * (tokens * (layers * (kept + small) + shared + hidden) + layers * probabilities))
  }
}
