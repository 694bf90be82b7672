import Checkpoints
import Faults
import LinearAlgebra

/// What enters the first block.
extension Decoder {
  /// What enters the first block, `[N, d]`: of images the states of their patches, else the tokens' embeddings.
  ///
  /// - Throws: what reading embeddings throws, where they are not held.
  func embed(
    _ batch: TokenBatch, positions: [Int], into output: UnsafeMutablePointer<Float>
  ) throws(Fault) {
    guard let patches = weights.patches else {
      return try embed(batch.tokens, types: batch.types, positions: positions, into: output)
    }
    patches.forward(
      batch, hiddenSize: configuration.hiddenSize,
      patches: scratch.buffer(.branch, count: patches.patchNumbers), into: output)
  }

  /// The sum of a token's embeddings, scaled and normed where the model does, `[N, d]`.
  ///
  /// - Parameter types: The kind of text that each token is of; none for the first of all.
  /// - Throws: what reading embeddings throws, where they are not held.
  func embed(
    _ tokens: [Int32], types: [Int32] = [], positions: [Int],
    into output: UnsafeMutablePointer<Float>
  ) throws(Fault) {
    let hidden = configuration.hiddenSize
    let scale = Float(configuration.embeddingScale)
    for (index, token) in tokens.enumerated() {
      precondition(token >= 0 && token < configuration.vocabularySize, "token \(token)")
      try weights.embedding?.copyRow(Int(token), to: output + index * hidden)
    }
    if scale != 1 { for index in 0..<tokens.count * hidden { output[index] *= scale } }
    if let learned = weights.positions {
      add(learned, rows: positionRows(tokens, positions), to: output)
    }
    if let kinds = weights.tokenTypes {
      add(kinds, rows: types.isEmpty ? tokens.map { _ in 0 } : types.map(Int.init), to: output)
    }
    weights.embeddingNorm?.forward(
      output, tokens: tokens.count, into: output,
      inverse: scratch.buffer(.embeddingInverse, count: tokens.count))
  }

  /// Adds row `rows[i]` of `matrix` to row i of `output` `[N, d]`.
  private func add(
    _ matrix: FrozenMatrix, rows: [Int], to output: UnsafeMutablePointer<Float>
  ) {
    let hidden = configuration.hiddenSize
    let row = scratch.buffer(.branch, count: hidden)
    for (index, place) in rows.enumerated() {
      guard matrix.copyRow(place, to: row) else { preconditionFailure("rows were let go of") }
      for column in 0..<hidden { output[index * hidden + column] += row[column] }
    }
  }

  /// The rows of learned positions: behind an offset that of the padding token is the one before the first, and a padding
  /// token in a text has it and is not counted (RoBERTa).
  private func positionRows(_ tokens: [Int32], _ positions: [Int]) -> [Int] {
    let offset = configuration.positionOffset
    guard offset > 0 else { return positions }
    var next = offset
    return zip(tokens, positions).map { token, position in
      if position == 0 { next = offset }
      if Int(token) == offset - 1 { return offset - 1 }
      defer { next += 1 }
      return next
    }
  }
}
