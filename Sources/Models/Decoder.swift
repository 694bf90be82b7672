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
  private(set) var rotary: [RotaryEmbedding]
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
  /// - Throws: what reading a block and embeddings throws, where they are not held.
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
    try weights.prepareHead(for: precision)
    try embed(batch, positions: positions, into: tape.layer(0, recording: keepsAll).input.pointer)
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
    try weights.prepareHead(for: precision)
    try embed(tokens, positions: positions, into: layer.input.pointer)
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
