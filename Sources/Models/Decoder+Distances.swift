import Checkpoints

/// Embeddings of distances between tokens, which go through the projections of queries and keys behind the tokens of a batch.
extension Decoder {
  /// Rows of a block's products of queries, keys and values: of `tokens` and behind them of the distances that the batch needs.
  func rows(_ shape: Block, tokens: Int) -> Int {
    shape.attention.relative == nil ? tokens : tokens + (distances?.count ?? 0)
  }

  /// Puts the embeddings of the distances behind the inputs of queries, keys and values `[N + R, d]`.
  func appendDistances(_ shape: Block, _ layer: DecoderTape.Layer, tokens: Int) {
    guard shape.attention.relative != nil, let distances, let table = weights.distances else {
      return
    }
    let hidden = configuration.hiddenSize
    (layer.attentionInput.pointer + tokens * hidden).update(
      from: table.pointer + distances.rows.lowerBound * hidden, count: distances.count * hidden)
  }

  /// Attention of block `index` over the recorded rows of its queries, keys and values.
  func attend(
    _ index: Int, _ layer: DecoderTape.Layer, batch: TokenBatch, _ qkv: UnsafePointer<Float>,
    into output: UnsafeMutablePointer<Float>
  ) {
    let probabilities = layer.probabilities.pointer
    if let attention = disentangled(index) {
      attention.forward(qkv, batch: batch, probabilities: probabilities, into: output)
    } else {
      attention(index).forward(qkv, batch: batch, probabilities: probabilities, into: output)
    }
  }

  /// Writes the gradient of those rows.
  func attendBack(
    _ index: Int, _ layer: DecoderTape.Layer, batch: TokenBatch,
    dOutput: UnsafePointer<Float>, into dQKV: UnsafeMutablePointer<Float>
  ) {
    let (qkv, probabilities) = (layer.queryKeyValue.pointer, layer.probabilities.pointer)
    if let attention = disentangled(index) {
      attention.backward(
        qkv, batch: batch, probabilities: probabilities, dOutput: dOutput, into: dQKV)
    } else {
      attention(index).backward(
        qkv, batch: batch, probabilities: probabilities, dOutput: dOutput, into: dQKV)
    }
  }

  private func disentangled(_ index: Int) -> DisentangledAttention? {
    let shape = weights.shapes[index].attention
    guard shape.relative != nil, let distances else { return nil }
    return DisentangledAttention(shape, distances: distances)
  }
}

extension DecoderWeights {
  /// The distances that sequences of up to `length` tokens need; nil where distances have no embeddings.
  func distances(length: Int) -> DistanceRows? {
    shapes.first?.attention.relative.map { DistanceRows($0, length: length) }
  }
}

extension DecoderConfiguration {
  /// Bytes of the distances' inputs, queries, keys and values in `blocks` blocks, at most.
  func distanceByteCount(blocks: Int) -> Int {
    guard let relative = relativePositions else { return 0 }
    let numbers = hiddenSize + block(0).attention.columns.width
    return DecoderTape.roomy(relative.rowCount * numbers * blocks) * MemoryLayout<Float>.size
  }
}
