import Checkpoints
public import Faults
public import LinearAlgebra
public import Tensors
import Threads

/// A decoder, or an encoder, with low-rank updates on its linear modules, forward and backward in Float32; what its blocks
/// compute is said by a ``Block`` each.
///
/// One decoder serves one caller at a time; the weights may be shared. Sequences are packed, so no
/// operation is spent on padding. Only the updates' cores have gradients: no gradient of a full weight
/// ever exists (METHOD: ∂L/∂M = (dY·O)ᵀ(X·I)).
public final class Decoder {
  /// The frozen weights.
  public let weights: DecoderWeights
  /// The updates in force.
  public var updates: UpdateSet
  /// Threads for products and kernels, where no fork-join is around a pass.
  public let threads: Int
  /// The arithmetic of products with weights and factors.
  public let precision: ProductPrecision

  /// Whether the backward pass runs every block again instead of keeping its activations.
  ///
  /// A third more operations, and memory for one block and the inputs of the others; the same results to the bit.
  public let recomputes: Bool
  /// Whether backward products in Float32 lay the weights out for themselves: for many steps, not for one pass of each example.
  let keepsBackward: Bool
  /// The output head, in the decoder's precision.
  public let head: OutputHead

  let tape: DecoderTape
  let scratch = DecoderScratch()
  private var rotary: [RotaryEmbedding]
  /// The distances of the batch at hand.
  private(set) var distances: DistanceRows?
  var recorded: TokenBatch?
  /// Whether what modules were given is on the tape too, or can be computed again.
  private(set) var hasInputs = false

  /// Bytes of what passes keep for backward passes.
  package var tapeByteCount: Int { tape.byteCount }

  var configuration: DecoderConfiguration { weights.configuration }

  func attention(_ layer: Int) -> Attention {
    Attention(weights.shapes[layer].attention)
  }

  /// A decoder over `weights` with `updates`.
  public init(
    weights: DecoderWeights, updates: UpdateSet? = nil, threads: Int,
    precision: ProductPrecision = .float32, recomputes: Bool = false, keepsBackward: Bool = true
  ) {
    self.weights = weights
    self.recomputes = recomputes
    self.keepsBackward = keepsBackward
    self.precision = precision
    self.updates = updates ?? UpdateSet(layerCount: weights.configuration.layerCount)
    self.threads = threads
    head = OutputHead(
      weights: weights, classes: updates?.classes, threads: threads, precision: precision,
      keepsBackward: keepsBackward)
    tape = DecoderTape(
      blocks: weights.shapes, hiddenSize: weights.configuration.hiddenSize)
    rotary = weights.rotary.map { RotaryEmbedding($0) }
  }

  /// Runs the model and returns the hidden states at the loss positions, `[P, d]`, final-normed where the model does.
  ///
  /// - Parameters:
  ///   - batch: Packed sequences; every token must be below the vocabulary size.
  ///   - recording: Keeps what ``backward(_:curvature:factors:)`` needs.
  ///   - inputs: Of that, what is needed with curvature or factors alone: what modules are given.
  ///   - observer: Called with the number of blocks run (0: the embeddings) and the residual stream
  ///     `[N, d]`; for checks against other implementations.
  /// - Throws: what reading a block throws, where the weights are streamed.
  public func forward(
    _ batch: TokenBatch, recording: Bool = false, inputs: Bool = true,
    observer: ((Int, Matrix<Float>) -> Void)? = nil
  ) throws(Fault) -> Matrix<Float> {
    try withThreads(threads) { () throws(Fault) in
      try forwardPass(batch, recording: recording, inputs: inputs, observer: observer)
    }
  }

  /// ``forward(_:recording:inputs:observer:)`` without a record; `keep` is given each block's index and its rotated queries and
  /// keys and its values `[N, (H+2K)·D]`, which the next block overwrites.
  func forward(
    _ batch: TokenBatch, keep: (Int, UnsafePointer<Float>) -> Void
  ) throws(Fault) -> Matrix<Float> {
    try withThreads(threads) { () throws(Fault) in
      try forwardPass(batch, recording: false, inputs: false, observer: nil, keep: keep)
    }
  }

  private func forwardPass(
    _ batch: TokenBatch, recording: Bool, inputs: Bool,
    observer: ((Int, Matrix<Float>) -> Void)?,
    keep: (Int, UnsafePointer<Float>) -> Void = { _, _ in }
  ) throws(Fault) -> Matrix<Float> {
    let tokens = batch.tokens.count
    let hidden = configuration.hiddenSize
    precondition(!recording || batch.branches.isEmpty, "branches have no way back")
    preparePositions(batch.longestSequence)
    let keepsAll = recording && !recomputes
    tape.prepare(
      tokens: tokens, distances: distances?.count ?? 0, probabilities: probabilityCount(batch),
      recording: keepsAll, inputs: inputs)
    let positions = batch.positionOfToken
    embed(batch, positions: positions, into: tape.layer(0, recording: keepsAll).input.pointer)
    for index in 0..<configuration.layerCount {
      let layer = tape.layer(index, recording: keepsAll)
      if recording && recomputes { tape.keepInput(index, of: layer, tokens: tokens) }
      observer?(index, layer.input.matrix(rows: tokens, columns: hidden))
      try prepareUpdates(of: index)
      let isLast = index + 1 == configuration.layerCount
      let next = isLast || !keepsAll ? tape.output : tape.layer(index + 1, recording: true).input
      forwardBlock(
        index, try weights.layer(index, [.forward], precision), layer, batch: batch,
        positions: positions, into: next.pointer)
      keep(index, layer.queryKeyValue.pointer)
      if !keepsAll && !isLast {
        layer.input.pointer.update(from: next.pointer, count: tokens * hidden)
      }
    }
    observer?(configuration.layerCount, tape.output.matrix(rows: tokens, columns: hidden))
    recorded = recording ? batch : nil
    hasInputs = inputs || recomputes
    return finalNorm(tape.output, at: batch.lossPositions)
  }

  /// Has the factors of a block's updates laid out.
  func prepareUpdates(of layer: Int) throws(Fault) {
    for update in updates.updates(of: layer) { try update.prepare(precision) }
  }

  /// Prepares for sequences of up to `length` tokens.
  func preparePositions(_ length: Int) {
    for index in rotary.indices { rotary[index].prepare(positions: length) }
    distances = weights.distances(length: length)
  }

  func probabilityCount(_ batch: TokenBatch) -> Int {
    weights.shapes.indices.map { attention($0).probabilityCount(batch) }.max() ?? 0
  }

  /// The activations of block `index` of the recorded batch, computed again where they were not kept.
  func recordedLayer(
    _ index: Int, _ block: LayerWeights, batch: TokenBatch, positions: [Int]
  ) -> DecoderTape.Layer {
    guard recomputes else { return tape.layer(index, recording: true) }
    let layer = tape.layer(0, recording: false)
    tape.restoreInput(index, to: layer, tokens: batch.tokens.count)
    forwardBlock(
      index, block, layer, batch: batch, positions: positions, into: tape.output.pointer)
    return layer
  }

  /// One more token of each of several sequences, at its position there; returns the final-normed hidden states
  /// `[B, d]`.
  ///
  /// `attend` gets the block's index, the tokens' rotated queries and keys and their values
  /// `[B, (H+2K)·D]`, and writes the attention output `[B, H·D]`. What was recorded before is forgotten.
  func step(
    _ tokens: [Int32], positions: [Int],
    attend: (Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) throws(Fault) -> Matrix<Float> {
    try withThreads(threads) { () throws(Fault) in
      try stepPass(tokens, positions: positions, attend: attend)
    }
  }

  private func stepPass(
    _ tokens: [Int32], positions: [Int],
    attend: (Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) throws(Fault) -> Matrix<Float> {
    let hidden = configuration.hiddenSize
    preparePositions((positions.max() ?? 0) + 1)
    tape.prepare(
      tokens: tokens.count, distances: 0, probabilities: 0, recording: false, inputs: false)
    recorded = nil
    let layer = tape.layer(0, recording: false)
    embed(tokens, positions: positions, into: layer.input.pointer)
    for index in 0..<configuration.layerCount {
      let block = try weights.layer(index, [.forward], precision)
      try prepareUpdates(of: index)
      forwardBlock(
        index, block, layer, tokens: tokens.count, positions: positions, into: tape.output.pointer
      ) { attend(index, $0, $1) }
      if index + 1 < configuration.layerCount {
        layer.input.pointer.update(from: tape.output.pointer, count: tokens.count * hidden)
      }
    }
    return finalNorm(tape.output, at: Array(tokens.indices))
  }

  func forwardBlock(
    _ index: Int, _ block: LayerWeights, _ layer: DecoderTape.Layer, batch: TokenBatch,
    positions: [Int], into output: UnsafeMutablePointer<Float>
  ) {
    forwardBlock(
      index, block, layer, tokens: batch.tokens.count, positions: positions, into: output
    ) {
      attend(index, layer, batch: batch, $0, into: $1)
    }
  }

  private func forwardBlock(
    _ index: Int, _ block: LayerWeights, _ layer: DecoderTape.Layer, tokens: Int, positions: [Int],
    into output: UnsafeMutablePointer<Float>,
    attend: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) {
    let (shape, hidden) = (block.shape, configuration.hiddenSize)
    let (input, middle) = (layer.input.pointer, layer.middle.pointer)
    if let norm = block.vectors.norms[.attentionNorm] {
      norm.forward(
        input, tokens: tokens, into: layer.attentionInput.pointer,
        inverse: layer.attentionInverse.pointer)
    }
    let qkv = layer.queryKeyValue.pointer
    let width = shape.attention.columns.width
    let rows = rows(shape, tokens: tokens)
    appendDistances(shape, layer, tokens: tokens)
    let x = activations(layer.attentionInput.pointer, tokens: rows, columns: hidden)
    product(.queryKeyValue, index, block, layer, x, rows, into: qkv, stride: width)
    normHeads(block, layer, tokens: tokens)
    rotate(index, qkv, positions: positions, inverse: false)
    attend(qkv, layer.attentionOutput.pointer)
    branch(
      .output, index, block, layer, input: layer.attentionOutput, from: input, to: middle, tokens)

    if let norm = block.vectors.norms[block.feedForwardNormRole] {
      norm.forward(
        shape.isParallel ? input : middle, tokens: tokens, into: layer.feedForwardInput.pointer,
        inverse: layer.feedForwardInverse.pointer)
    }
    guard shape.experts == nil else {
      return forwardExperts(index, block, layer, tokens: tokens, into: output)
    }
    let wide = shape.feedForward.wide
    let y = activations(layer.feedForwardInput.pointer, tokens: tokens, columns: hidden)
    product(.gateUp, index, block, layer, y, tokens, into: layer.gateUp.pointer, stride: wide)
    GatedActivation(shape: shape.feedForward).forward(
      layer.gateUp.pointer, tokens: tokens, into: layer.activation.pointer)
    branch(.down, index, block, layer, input: layer.activation, from: middle, to: output, tokens)
  }

  /// `y` `[tokens, stride]` = or += the product with its bias and the updates of its modules, which lie side by side.
  func product(
    _ product: Block.Product, _ index: Int, _ block: LayerWeights, _ layer: DecoderTape.Layer,
    _ x: ActivationRows, _ tokens: Int, into y: UnsafeMutablePointer<Float>, stride: Int,
    adding: Bool = false
  ) {
    block[product].multiply(
      x, count: tokens, .forward, into: y, stride: stride, adding: adding)
    addBias(block, product, tokens: tokens, to: y)
    for (kind, column) in columns(of: product, block.shape) {
      apply(index, kind, layer, x, tokens, to: y + column, stride: stride)
    }
  }

  /// The modules of a product and their first columns.
  func columns(of product: Block.Product, _ shape: Block) -> [(kind: LinearKind, column: Int)] {
    var column = 0
    return shape.kinds(of: product).map { kind in
      defer {
        column += shape.shape(of: kind, hiddenSize: configuration.hiddenSize).outFeatures
      }
      return (kind, column)
    }
  }

  /// `to` = `from` + scale · norm(product of `input`), norm and scale where the block has them, or norm(`from` + product).
  private func branch(
    _ product: Block.Product, _ index: Int, _ block: LayerWeights, _ layer: DecoderTape.Layer,
    input: FloatBuffer, from source: UnsafePointer<Float>,
    to target: UnsafeMutablePointer<Float>, _ tokens: Int
  ) {
    let hidden = configuration.hiddenSize
    let x = activations(input.pointer, tokens: tokens, columns: block[product].columns)
    let norm = block.vectors.norms[product.outputNormRole]
    let scale = Float(block.shape.residualScale)
    if block.shape.placement == .postSum, let norm {
      let (sum, inverse) = layer.branch(product)
      sum.pointer.update(from: source, count: tokens * hidden)
      self.product(
        product, index, block, layer, x, tokens, into: sum.pointer, stride: hidden, adding: true)
      norm.forward(sum.pointer, tokens: tokens, into: target, inverse: inverse.pointer)
      return
    }
    guard norm != nil || scale != 1 else {
      target.update(from: source, count: tokens * hidden)
      self.product(
        product, index, block, layer, x, tokens, into: target, stride: hidden, adding: true)
      return
    }
    let (kept, inverse) = layer.branch(product)
    var values = norm == nil ? scratch.buffer(.branch, count: tokens * hidden) : kept.pointer
    self.product(product, index, block, layer, x, tokens, into: values, stride: hidden)
    if let norm {
      let normed = scratch.buffer(.normedBranch, count: tokens * hidden)
      norm.forward(
        values, tokens: tokens, into: normed, inverse: inverse.pointer)
      values = normed
    }
    for index in 0..<tokens * hidden { target[index] = source[index] + scale * values[index] }
  }

  /// Norms queries and keys, where the block does, and keeps what they were.
  private func normHeads(_ block: LayerWeights, _ layer: DecoderTape.Layer, tokens: Int) {
    guard let norm = headNorm(block) else { return }
    let count = tokens * block.shape.attention.columns.width
    layer.rawQueryKeyValue.pointer.update(from: layer.queryKeyValue.pointer, count: count)
    norm.forward(layer.queryKeyValue.pointer, tokens: tokens, inverse: layer.headInverse.pointer)
  }

  func headNorm(_ block: LayerWeights) -> HeadNorm? {
    guard let query = block.vectors.norms[.queryNorm], let key = block.vectors.norms[.keyNorm]
    else { return nil }
    return HeadNorm(shape: block.shape.attention, query: query, key: key)
  }

  /// Turns queries and keys of every token, or their gradients back.
  func rotate(
    _ index: Int, _ rows: UnsafeMutablePointer<Float>, positions: [Int], inverse: Bool
  ) {
    guard let place = weights.rotaryOfLayer[index] else { return }
    let shape = weights.shapes[index].attention
    let columns = shape.columns
    rotary[place].rotate(
      rows, stride: columns.width,
      heads: (0..<shape.headCount).map(columns.query)
        + (0..<shape.keyValueHeadCount).map(columns.key),
      positionOfToken: positions, inverse: inverse)
  }

  /// Adds the bias of a matrix, where it has one, to every row of its product.
  ///
  /// `y` `[tokens, rows]`; constants have no gradient here.
  private func addBias(
    _ block: LayerWeights, _ product: Block.Product, tokens: Int,
    to y: UnsafeMutablePointer<Float>
  ) {
    guard let buffer = block.vectors.biases[product] else { return }
    let size = buffer.count
    shareOut(tokens, grain: rowGrain(size), over: (UnsafePointer(buffer.pointer), y)) {
      range, memory in
      let (bias, y) = memory
      for token in range {
        let row = y + token * size
        for index in 0..<size { row[index] += bias[index] }
      }
    }
  }

  /// Rows `[tokens, columns]` as a left factor in this decoder's precision; valid until the next call with the
  /// same `name`.
  func activations(
    _ values: UnsafePointer<Float>, tokens: Int, columns: Int, stride: Int? = nil,
    name: DecoderScratch.Name = .rounded
  ) -> ActivationRows {
    guard precision == .bfloat16 else {
      return ActivationRows(values, stride: stride ?? columns)
    }
    return ActivationRows(
      values, rows: tokens, columns: columns, stride: stride ?? columns,
      roundedInto: scratch.halves(
        name, count: ActivationRows.roundedCount(rows: tokens, columns: columns)))
  }

  /// `y += ((x·I)·Mᵀ)·Oᵀ`, keeping `x·I`; `x` `[N, in]`, `y` `[N, stride]` from its first column on.
  private func apply(
    _ index: Int, _ kind: LinearKind, _ layer: DecoderTape.Layer, _ x: ActivationRows,
    _ tokens: Int,
    to y: UnsafeMutablePointer<Float>, stride: Int
  ) {
    guard let update = updates[index, kind], update.inputRank > 0, update.outputRank > 0 else {
      return
    }
    let projected =
      tape.projected(layer, kind, rank: update.inputRank, rows: tokens).pointer
    update.inputFactor.multiply(
      x, count: tokens, .backward, into: projected, stride: update.inputRank)
    var mixed = projected
    if let core = update.core {
      mixed = scratch.buffer(.mixed, count: tokens * update.outputRank)
      BLAS.gemm(
        transposeB: true, rows: tokens, columns: update.outputRank, inner: update.inputRank,
        projected, core.pointer, mixed)
    }
    update.outputFactor.multiply(
      activations(mixed, tokens: tokens, columns: update.outputRank, name: .roundedNarrow),
      count: tokens, .forward, into: y, stride: stride, adding: true)
  }

  /// The rows of `stream` `[N, d]` at `positions`, final-normed where the model does.
  func finalNorm(_ stream: FloatBuffer, at positions: [Int]) -> Matrix<Float> {
    let hidden = configuration.hiddenSize
    let count = positions.count
    let gathered = scratch.buffer(.gathered, count: count * hidden)
    for (row, position) in positions.enumerated() {
      (gathered + row * hidden).update(from: stream.pointer + position * hidden, count: hidden)
    }
    let normed = FloatBuffer(count: count * hidden)
    guard let norm = weights.finalNorm else {
      normed.pointer.update(from: gathered, count: count * hidden)
      return normed.matrix(rows: count, columns: hidden)
    }
    norm.forward(
      gathered, tokens: count, into: normed.pointer,
      inverse: scratch.buffer(.gatheredInverse, count: count))
    return normed.matrix(rows: count, columns: hidden)
  }
}

extension Block {
  var hasInputNorm: Bool { placement != .post && placement != .postSum }
  var hasOutputNorm: Bool { [.post, .postSum, .sandwich].contains(placement) }
  var isParallel: Bool {
    if case .parallel = placement { return true }
    return false
  }
}

extension Block.Product {
  /// The norm behind the product, where there is one.
  var outputNormRole: TensorRole { self == .output ? .attentionPostNorm : .feedForwardPostNorm }
}

extension LayerWeights {
  /// The norm before the feed-forward layer, which may be that of attention.
  var feedForwardNormRole: TensorRole {
    shape.placement == .parallel(sharedNorm: true) ? .attentionNorm : .feedForwardNorm
  }
}

extension DecoderTape.Layer {
  /// What is kept of a branch with a norm behind it: what that norm was given.
  func branch(_ product: Block.Product) -> (values: FloatBuffer, inverse: FloatBuffer) {
    product == .output
      ? (attentionBranch, attentionBranchInverse) : (feedForwardBranch, feedForwardBranchInverse)
  }
}
