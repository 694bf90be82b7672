import Checkpoints
import Faults
import Tensors
import Threads

/// A batch between two blocks, where every batch goes through a block before any goes through the next.
final class PassingBatch: Sendable {
  let batch: TokenBatch
  let positions: [Int]
  /// The residual stream `[N, d]`.
  let stream: FloatBuffer

  init(_ batch: TokenBatch, hiddenSize: Int) {
    self.batch = batch
    positions = batch.positionOfToken
    stream = FloatBuffer(count: batch.tokens.count * hiddenSize)
  }
}

/// ``forward(_:recording:inputs:observer:)`` in steps that decoders may take in turn, with the same results.
extension Decoder {
  /// A batch before the first block.
  func enter(_ batch: TokenBatch) -> PassingBatch {
    let passing = PassingBatch(batch, hiddenSize: configuration.hiddenSize)
    embed(
      batch.tokens, types: batch.types, positions: passing.positions,
      into: passing.stream.pointer)
    return passing
  }

  /// Takes a batch through block `index`; what was recorded before is forgotten.
  ///
  /// - Throws: what giving factors of updates throws.
  func take(
    _ passing: PassingBatch, through index: Int, _ block: LayerWeights
  ) throws(Fault) {
    let batch = passing.batch
    recorded = nil
    try prepareUpdates(of: index)
    prepareRotary(positions: batch.longestSequence)
    tape.prepare(
      tokens: batch.tokens.count, probabilities: probabilityCount(batch), recording: false,
      inputs: false)
    let layer = tape.layer(0, recording: false)
    layer.input.pointer.update(from: passing.stream.pointer, count: passing.stream.count)
    forwardBlock(
      index, block, layer, batch: batch, positions: passing.positions,
      into: passing.stream.pointer)
  }

  /// The final-normed hidden states at the loss positions of a batch behind the last block, `[P, d]`.
  func leave(_ passing: PassingBatch) -> Matrix<Float> {
    finalNorm(passing.stream, at: passing.batch.lossPositions)
  }
}
