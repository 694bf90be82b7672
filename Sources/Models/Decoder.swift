import Checkpoints
public import Faults
public import LinearAlgebra
public import Tensors

/// A Llama-family decoder (RMSNorm, RoPE, grouped-query attention, SwiGLU) with low-rank updates on its
/// linear modules, forward and backward in Float32.
///
/// One decoder serves one caller at a time; the weights may be shared. Sequences are packed, so no
/// operation is spent on padding. Only the updates' cores have gradients: no gradient of a full weight
/// ever exists (METHOD: ∂L/∂M = (dY·O)ᵀ(X·I)).
public final class Decoder {
  /// The frozen weights.
  public let weights: DecoderWeights
  /// The updates in force.
  public var updates: UpdateSet
  /// Threads for products and kernels.
  public let threads: Int
  /// The arithmetic of products with weights and factors.
  public let precision: ProductPrecision

  /// Whether the backward pass runs every block again instead of keeping its activations.
  ///
  /// A third more operations, and memory for one block and the inputs of the others; the same results to the bit.
  public let recomputes: Bool
  /// The output head, in the decoder's precision.
  public let head: OutputHead

  let tape: DecoderTape
  let scratch = DecoderScratch()
  private(set) var rotary: RotaryEmbedding
  private(set) var recorded: TokenBatch?

  var configuration: DecoderConfiguration { weights.configuration }

  var attention: Attention {
    Attention(
      headCount: configuration.headCount, keyValueHeadCount: configuration.keyValueHeadCount,
      headDimension: configuration.headDimension, window: configuration.slidingWindow,
      threads: threads)
  }

  /// A decoder over `weights` with `updates`.
  public init(
    weights: DecoderWeights, updates: UpdateSet? = nil, threads: Int,
    precision: ProductPrecision = .float32, recomputes: Bool = false
  ) {
    self.weights = weights
    self.recomputes = recomputes
    self.precision = precision
    self.updates = updates ?? UpdateSet(layerCount: weights.configuration.layerCount)
    self.threads = threads
    head = OutputHead(weights: weights, threads: threads, precision: precision)
    tape = DecoderTape(configuration: weights.configuration)
    rotary = RotaryEmbedding(
      headDimension: weights.configuration.headDimension, frequencies: weights.rotary)
  }

  /// Runs the model and returns the final-normed hidden states at the loss positions, `[P, d]`.
  ///
  /// - Parameters:
  ///   - batch: Packed sequences; every token must be below the vocabulary size.
  ///   - recording: Keeps what ``backward(_:curvature:)`` needs.
  ///   - observer: Called with the number of blocks run (0: the embeddings) and the residual stream
  ///     `[N, d]`; for checks against other implementations.
  /// - Throws: what reading a block throws, where the weights are streamed.
  public func forward(
    _ batch: TokenBatch, recording: Bool = false, observer: ((Int, Matrix<Float>) -> Void)? = nil
  ) throws(Fault) -> Matrix<Float> {
    let tokens = batch.tokens.count
    let hidden = configuration.hiddenSize
    BLASThreads.set(threads)
    rotary.prepare(positions: batch.longestSequence)
    let keepsAll = recording && !recomputes
    tape.prepare(
      tokens: tokens, probabilities: attention.probabilityCount(batch), recording: keepsAll)
    let positions = batch.positionOfToken
    embed(batch.tokens, into: tape.layer(0, recording: keepsAll).input.pointer)
    for index in 0..<configuration.layerCount {
      let layer = tape.layer(index, recording: keepsAll)
      if recording && recomputes { tape.keepInput(index, of: layer, tokens: tokens) }
      observer?(index, layer.input.matrix(rows: tokens, columns: hidden))
      let isLast = index + 1 == configuration.layerCount
      let next = isLast || !keepsAll ? tape.output : tape.layer(index + 1, recording: true).input
      forwardBlock(
        index, try weights.layer(index, [.forward], precision), layer, batch: batch,
        positions: positions, into: next.pointer)
      if !keepsAll && !isLast {
        layer.input.pointer.update(from: next.pointer, count: tokens * hidden)
      }
    }
    observer?(configuration.layerCount, tape.output.matrix(rows: tokens, columns: hidden))
    recorded = recording ? batch : nil
    return finalNorm(at: batch.lossPositions)
  }

  private func embed(_ tokens: [Int32], into output: UnsafeMutablePointer<Float>) {
    let hidden = configuration.hiddenSize
    for (index, token) in tokens.enumerated() {
      precondition(token >= 0 && token < configuration.vocabularySize, "token \(token)")
      weights.embedding.copyRow(Int(token), to: output + index * hidden)
    }
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

  /// The activations of block `index` of the recorded batch, with its weights read where they are needed.
  func recordedLayer(
    _ index: Int, batch: TokenBatch, positions: [Int]
  ) throws(Fault) -> DecoderTape.Layer {
    guard recomputes else { return tape.layer(index, recording: true) }
    let block = try weights.layer(index, [.forward], precision)
    return recordedLayer(index, block, batch: batch, positions: positions)
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
    let hidden = configuration.hiddenSize
    BLASThreads.set(threads)
    rotary.prepare(positions: (positions.max() ?? 0) + 1)
    tape.prepare(tokens: tokens.count, probabilities: 0, recording: false)
    recorded = nil
    let layer = tape.layer(0, recording: false)
    embed(tokens, into: layer.input.pointer)
    for index in 0..<configuration.layerCount {
      let block = try weights.layer(index, [.forward], precision)
      forwardBlock(
        index, block, layer, tokens: tokens.count, positions: positions, into: tape.output.pointer
      ) { attend(index, $0, $1) }
      if index + 1 < configuration.layerCount {
        layer.input.pointer.update(from: tape.output.pointer, count: tokens.count * hidden)
      }
    }
    return finalNorm(at: Array(tokens.indices))
  }

  private func forwardBlock(
    _ index: Int, _ block: LayerWeights, _ layer: DecoderTape.Layer, batch: TokenBatch,
    positions: [Int], into output: UnsafeMutablePointer<Float>
  ) {
    forwardBlock(
      index, block, layer, tokens: batch.tokens.count, positions: positions, into: output
    ) {
      attention.forward($0, batch: batch, probabilities: layer.probabilities.pointer, into: $1)
    }
  }

  private func forwardBlock(
    _ index: Int, _ block: LayerWeights, _ layer: DecoderTape.Layer, tokens: Int, positions: [Int],
    into output: UnsafeMutablePointer<Float>,
    attend: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) {
    let (hidden, feedForward) = (configuration.hiddenSize, configuration.feedForwardSize)
    let (query, keyValue) = (configuration.queryWidth, configuration.keyValueWidth)
    let stride = query + 2 * keyValue
    let epsilon = Float(configuration.rmsNormEpsilon)

    RMSNorm.forward(
      layer.input.pointer, weight: block.vectors.attentionNorm.pointer, epsilon: epsilon,
      tokens: tokens,
      size: hidden, into: layer.attentionInput.pointer, inverse: layer.attentionInverse.pointer,
      threads: threads)
    let qkv = layer.queryKeyValue.pointer
    var x = activations(layer.attentionInput.pointer, tokens: tokens, columns: hidden)
    block.queryKeyValue.multiply(
      x, count: tokens, .forward, into: qkv, stride: stride, threads: threads)
    addBias(block, .queryKeyValue, tokens: tokens, to: qkv)
    apply(index, .query, layer, x, tokens, to: qkv, stride: stride)
    apply(index, .key, layer, x, tokens, to: qkv + query, stride: stride)
    apply(index, .value, layer, x, tokens, to: qkv + query + keyValue, stride: stride)
    rotary.rotate(
      qkv, stride: stride, heads: configuration.headCount + configuration.keyValueHeadCount,
      positionOfToken: positions, inverse: false, threads: threads)
    attend(qkv, layer.attentionOutput.pointer)
    let middle = layer.middle.pointer
    middle.update(from: layer.input.pointer, count: tokens * hidden)
    x = activations(layer.attentionOutput.pointer, tokens: tokens, columns: query)
    block.output.multiply(
      x, count: tokens, .forward, into: middle, stride: hidden, adding: true, threads: threads)
    addBias(block, .output, tokens: tokens, to: middle)
    apply(index, .output, layer, x, tokens, to: middle, stride: hidden)

    RMSNorm.forward(
      middle, weight: block.vectors.feedForwardNorm.pointer, epsilon: epsilon, tokens: tokens,
      size: hidden, into: layer.feedForwardInput.pointer,
      inverse: layer.feedForwardInverse.pointer, threads: threads)
    let gateUp = layer.gateUp.pointer
    let wide = 2 * feedForward
    x = activations(layer.feedForwardInput.pointer, tokens: tokens, columns: hidden)
    block.gateUp.multiply(
      x, count: tokens, .forward, into: gateUp, stride: wide, threads: threads)
    addBias(block, .gateUp, tokens: tokens, to: gateUp)
    apply(index, .gate, layer, x, tokens, to: gateUp, stride: wide)
    apply(index, .up, layer, x, tokens, to: gateUp + feedForward, stride: wide)
    SwiGLU.forward(
      gateUp, tokens: tokens, size: feedForward, into: layer.activation.pointer, threads: threads)
    output.update(from: middle, count: tokens * hidden)
    x = activations(layer.activation.pointer, tokens: tokens, columns: feedForward)
    block.down.multiply(
      x, count: tokens, .forward, into: output, stride: hidden, adding: true, threads: threads)
    addBias(block, .down, tokens: tokens, to: output)
    apply(index, .down, layer, x, tokens, to: output, stride: hidden)
  }

  /// Adds the bias of a matrix, where it has one, to every row of its product.
  ///
  /// `y` `[tokens, rows]`; constants have no gradient here.
  private func addBias(
    _ block: LayerWeights, _ part: LayerWeights.Part, tokens: Int,
    to y: UnsafeMutablePointer<Float>
  ) {
    guard let buffer = block.vectors.biases[part] else { return }
    let size = buffer.count
    let (bias, y) = (Shared(UnsafePointer<Float>(buffer.pointer)), Shared(y))
    parallelRanges(tokens, threads: threads, minimum: 64) { range in
      for token in range {
        let row = y.pointer + token * size
        for index in 0..<size { row[index] += bias.pointer[index] }
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
    let projected = tape.projected(layer, kind, rank: update.inputRank).pointer
    update.inputFactor.multiply(
      x, count: tokens, .backward, into: projected, stride: update.inputRank, threads: threads)
    var mixed = projected
    if let core = update.core {
      mixed = scratch.buffer(.mixed, count: tokens * update.outputRank)
      BLAS.gemm(
        transposeB: true, rows: tokens, columns: update.outputRank, inner: update.inputRank,
        projected, core.pointer, mixed)
    }
    update.outputFactor.multiply(
      activations(mixed, tokens: tokens, columns: update.outputRank, name: .roundedNarrow),
      count: tokens, .forward, into: y, stride: stride, adding: true, threads: threads)
  }

  private func finalNorm(at positions: [Int]) -> Matrix<Float> {
    let hidden = configuration.hiddenSize
    let count = positions.count
    let gathered = scratch.buffer(.gathered, count: count * hidden)
    for (row, position) in positions.enumerated() {
      (gathered + row * hidden).update(from: tape.output.pointer + position * hidden, count: hidden)
    }
    let normed = FloatBuffer(count: count * hidden)
    RMSNorm.forward(
      gathered, weight: weights.finalNorm.pointer, epsilon: Float(configuration.rmsNormEpsilon),
      tokens: count, size: hidden, into: normed.pointer,
      inverse: scratch.buffer(.gatheredInverse, count: count), threads: threads)
    return normed.matrix(rows: count, columns: hidden)
  }
}
