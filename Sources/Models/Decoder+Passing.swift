import Checkpoints
import Faults
import Tensors
import Threads

/// A batch between two blocks, where every batch goes through a block before any goes through the next.
///
/// `@unchecked Sendable`: one decoder at a time has it in hand.
final class PassingBatch: @unchecked Sendable {
  /// What is kept of every block for the way back.
  enum Keeping: Sendable, Hashable {
    /// Nothing: there is none.
    case nothing
    /// What enters it, from which the rest is computed again.
    case states
    /// All that its gradients need, and with `inputs` what modules are given.
    case everything(inputs: Bool)
  }

  let batch: TokenBatch
  let positions: [Int]
  /// The residual stream `[N, d]`, on the way back its gradient.
  let stream: FloatBuffer
  let keeping: Keeping
  /// Activations, where everything is kept.
  fileprivate let tape: DecoderTape?
  /// What entered the blocks so far, `[N, d]` each.
  fileprivate var states: [FloatBuffer] = []
  fileprivate var gradients = ModuleGradients()
  /// Gets the gradients of trained columns of factors, if given.
  let factors: FactorGradients?

  init(
    _ batch: TokenBatch, keeping: Keeping, of decoder: Decoder, factors: FactorGradients? = nil
  ) {
    let hidden = decoder.configuration.hiddenSize
    self.batch = batch
    self.keeping = keeping
    self.factors = factors
    positions = batch.positionOfToken
    stream = FloatBuffer(count: batch.tokens.count * hidden)
    guard case .everything(let inputs) = keeping else {
      tape = nil
      return
    }
    let tape = DecoderTape(blocks: decoder.weights.shapes, hiddenSize: hidden)
    tape.expectedTokens = batch.tokens.count
    tape.prepare(
      tokens: batch.tokens.count,
      distances: decoder.weights.distances(length: batch.longestSequence)?.count ?? 0,
      probabilities: decoder.probabilityCount(batch), recording: true, inputs: inputs)
    self.tape = tape
  }
}

/// ``forward(_:recording:inputs:observer:)`` and ``backward(_:curvature:factors:)`` in steps that decoders may take in turn,
/// with the same results.
extension Decoder {
  /// A batch before the first block.
  ///
  /// - Throws: what reading embeddings and the head throws, where they are not held.
  func enter(
    _ batch: TokenBatch, keeping: PassingBatch.Keeping = .nothing,
    factors: FactorGradients? = nil
  ) throws(Fault) -> PassingBatch {
    try weights.prepareHead(for: precision)
    let passing = PassingBatch(batch, keeping: keeping, of: self, factors: factors)
    try embed(batch, positions: passing.positions, into: passing.stream.pointer)
    return passing
  }

  /// Takes a batch through block `index`; what was recorded before is forgotten.
  ///
  /// - Throws: what giving factors of updates throws.
  func take(
    _ passing: PassingBatch, through index: Int, _ block: LayerWeights
  ) throws(Fault) {
    let layer = try layer(passing, index)
    layer.input.pointer.update(from: passing.stream.pointer, count: passing.stream.count)
    if passing.keeping == .states {
      let state = FloatBuffer(uninitialized: passing.stream.count)
      state.pointer.update(from: passing.stream.pointer, count: state.count)
      passing.states.append(state)
    }
    forwardBlock(
      index, block, layer, batch: passing.batch, positions: passing.positions,
      into: passing.stream.pointer)
  }

  /// The activations of block `index`: the batch's own, or room for them.
  private func layer(
    _ passing: PassingBatch, _ index: Int
  ) throws(Fault) -> DecoderTape.Layer {
    let batch = passing.batch
    recorded = nil
    try prepareUpdates(of: index)
    preparePositions(batch.longestSequence)
    if let tape = passing.tape { return tape.layer(index, recording: true) }
    tape.prepare(
      tokens: batch.tokens.count, distances: distances?.count ?? 0,
      probabilities: probabilityCount(batch), recording: false, inputs: false)
    return tape.layer(0, recording: false)
  }

  /// The final-normed hidden states at the loss positions of a batch behind the last block, `[P, d]`.
  func leave(_ passing: PassingBatch) -> Matrix<Float> {
    finalNorm(passing.stream, at: passing.batch.lossPositions)
  }

  /// Turns a batch round: `hiddenGradient` is that of what ``leave(_:)`` gave last.
  func turn(_ passing: PassingBatch, _ hiddenGradient: Matrix<Float>) {
    gradientOfFinalNorm(hiddenGradient, batch: passing.batch, into: passing.stream.pointer)
  }

  /// Takes a batch back through block `index`, the last that it has not been back through.
  ///
  /// - Throws: what giving factors of updates throws; what keeping rows throws.
  func takeBack(
    _ passing: PassingBatch, through index: Int, _ block: LayerWeights,
    curvature: CurvatureAccumulator?
  ) throws(Fault) {
    let (batch, positions) = (passing.batch, passing.positions)
    let layer = try layer(passing, index)
    if let state = passing.states.popLast() {
      layer.input.pointer.update(from: state.pointer, count: state.count)
      forwardBlock(
        index, block, layer, batch: batch, positions: positions, into: tape.output.pointer)
    } else if case .everything(inputs: true) = passing.keeping {
      restoreInputs(block, layer, tokens: batch.tokens.count)
    }
    try backwardBlock(
      index, block, layer, batch: batch, positions: positions, dResidual: passing.stream.pointer,
      gradients: &passing.gradients, curvature: curvature, factors: passing.factors)
  }

  /// What a batch that is back has found.
  func gradients(of passing: PassingBatch) -> PassGradients {
    PassGradients(passing.gradients.ordered(by: updates), passing.factors, updates)
  }

  /// Bytes that a batch keeps, `keeping` what it does.
  func byteCount(of batch: TokenBatch, keeping: PassingBatch.Keeping) -> Int {
    let (hidden, blocks) = (configuration.hiddenSize, weights.shapes)
    var numbers = hidden
    switch keeping {
    case .nothing: break
    case .states: numbers += blocks.count * hidden
    case .everything(let inputs):
      let parts = blocks.map {
        DecoderTape.numbers($0, hiddenSize: hidden, keepsInputs: inputs)
      }
      // The state behind the last block is on the tape too.
      numbers += hidden + (parts.map(\.shared).max() ?? 0)
      for (index, part) in parts.enumerated() {
        numbers += part.kept + Int(updates.projectedWidth(index, blocks[index]).rounded(.up))
      }
    }
    numbers *= batch.tokens.count
    guard case .everything = keeping else { return numbers * MemoryLayout<Float>.size }
    numbers += blocks.count * DecoderTape.roomy(probabilityCount(batch))
    return numbers * MemoryLayout<Float>.size
      + configuration.distanceByteCount(blocks: blocks.count)
  }
}
