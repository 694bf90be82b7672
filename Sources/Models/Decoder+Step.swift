import Checkpoints
import LinearAlgebra
import Tensors

extension Decoder {
  /// The rotated keys and the values of the last recorded batch in one block, `[N, K·D]` each.
  func recordedKeysAndValues(layer index: Int) -> (keys: [Float], values: [Float]) {
    guard let batch = recorded else { return ([], []) }
    let (query, width) = (configuration.queryWidth, configuration.keyValueWidth)
    let stride = query + 2 * width
    let source = tape.layer(index, recording: true).queryKeyValue.pointer
    var (keys, values): ([Float], [Float]) = ([], [])
    for token in 0..<batch.tokens.count {
      let row = source + token * stride + query
      keys += UnsafeBufferPointer(start: row, count: width)
      values += UnsafeBufferPointer(start: row + width, count: width)
    }
    return (keys, values)
  }

  /// One token at `position`, with attention supplied by the caller's cache; returns the final-normed
  /// hidden state `[1, d]`.
  ///
  /// `attend` gets the block's index and the rotated query, key and the value of this token, and returns
  /// the attention output `[H·D]`.
  func step(
    _ token: Int32, position: Int, attend: (Int, [Float], [Float], [Float]) -> [Float]
  ) -> Matrix<Float> {
    let configuration = self.configuration
    let (query, width) = (configuration.queryWidth, configuration.keyValueWidth)
    let epsilon = Float(configuration.rmsNormEpsilon)
    prepareRotary(positions: position + 1)
    var stream = [Float](repeating: 0, count: configuration.hiddenSize)
    stream.withUnsafeMutableBufferPointer { row in
      guard let row = row.baseAddress else { return }
      weights.embedding.copyRow(Int(token), to: row)
    }
    for (index, block) in weights.layers.enumerated() {
      let x = normed(stream, block.attentionNorm, epsilon)
      var qkv = product(block.queryKeyValue, x)
      addUpdate(index, .query, x, to: &qkv, at: 0)
      addUpdate(index, .key, x, to: &qkv, at: query)
      addUpdate(index, .value, x, to: &qkv, at: query + width)
      qkv.withUnsafeMutableBufferPointer { row in
        guard let row = row.baseAddress else { return }
        rotary.rotate(
          row, stride: query + 2 * width,
          heads: configuration.headCount + configuration.keyValueHeadCount,
          positionOfToken: [position], inverse: false, threads: 1)
      }
      let attention = attend(
        index, Array(qkv[..<query]), Array(qkv[query..<query + width]),
        Array(qkv[(query + width)...]))
      var output = product(block.output, attention)
      addUpdate(index, .output, attention, to: &output, at: 0)
      add(output, to: &stream)
      let y = normed(stream, block.feedForwardNorm, epsilon)
      var gateUp = product(block.gateUp, y)
      addUpdate(index, .gate, y, to: &gateUp, at: 0)
      addUpdate(index, .up, y, to: &gateUp, at: configuration.feedForwardSize)
      var activation = [Float](repeating: 0, count: configuration.feedForwardSize)
      gateUp.withUnsafeBufferPointer { source in
        activation.withUnsafeMutableBufferPointer { target in
          guard let source = source.baseAddress, let target = target.baseAddress else { return }
          SwiGLU.forward(
            source, tokens: 1, size: configuration.feedForwardSize, into: target, threads: 1)
        }
      }
      var down = product(block.down, activation)
      addUpdate(index, .down, activation, to: &down, at: 0)
      add(down, to: &stream)
    }
    let hidden = normed(stream, weights.finalNorm, epsilon)
    return Matrix(rows: 1, columns: hidden.count, elements: hidden)
  }

  private func add(_ source: [Float], to target: inout [Float]) {
    for index in target.indices { target[index] += source[index] }
  }

  private func normed(_ x: [Float], _ weight: FloatBuffer, _ epsilon: Float) -> [Float] {
    let mean = x.reduce(0) { $0 + $1 * $1 } / Float(x.count)
    let scale = 1 / (mean + epsilon).squareRoot()
    return x.indices.map { x[$0] * scale * weight.pointer[$0] }
  }

  /// `W·x` for `W` `[out, in]`.
  private func product(_ weight: FrozenMatrix, _ x: [Float]) -> [Float] {
    var y = [Float](repeating: 0, count: weight.rows)
    multiply(weight, x, .forward, into: &y, at: 0, adding: false)
    return y
  }

  private func multiply(
    _ weight: FrozenMatrix, _ x: [Float], _ order: FrozenMatrix.Order, into y: inout [Float],
    at offset: Int, adding: Bool
  ) {
    x.withUnsafeBufferPointer { x in
      y.withUnsafeMutableBufferPointer { y in
        guard let x = x.baseAddress, let y = y.baseAddress else { return }
        weight.multiply(
          ActivationRows(x, stride: 0), count: 1, order, into: y + offset, stride: 0,
          adding: adding)
      }
    }
  }

  private func addUpdate(
    _ index: Int, _ kind: LinearKind, _ x: [Float], to y: inout [Float], at offset: Int
  ) {
    guard let update = updates[index, kind], update.inputRank > 0, update.outputRank > 0 else {
      return
    }
    var projected = [Float](repeating: 0, count: update.inputRank)
    multiply(update.inputFactor, x, .backward, into: &projected, at: 0, adding: false)
    if let core = update.core {
      var mixed = [Float](repeating: 0, count: update.outputRank)
      for row in 0..<update.outputRank {
        for column in 0..<update.inputRank {
          mixed[row] += core.pointer[row * update.inputRank + column] * projected[column]
        }
      }
      projected = mixed
    }
    multiply(update.outputFactor, projected, .forward, into: &y, at: offset, adding: true)
  }
}
