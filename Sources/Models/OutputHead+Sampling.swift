import Tensors

/// How a token is drawn from a distribution.
public struct SamplingOptions: Sendable, Hashable {
  /// Logits are divided by it; 1 leaves the model's own distribution.
  public var temperature: Double
  /// The draw is from the fewest most likely tokens that hold this share of the probability; 1 takes all.
  public var topP: Double

  /// A temperature above 0 and a share in (0, 1].
  public init(temperature: Double = 1, topP: Double = 1) {
    self.temperature = temperature
    self.topP = topP
  }
}

extension OutputHead {
  /// One token drawn at every position of `hidden` `[P, d]`, at the cumulative probabilities `uniforms` `[P]`.
  func samples(
    _ hidden: Matrix<Float>, options: SamplingOptions, uniforms: [Double]
  ) -> [Int32] {
    var tokens: [Int32] = []
    let inverse = Float(1 / options.temperature)
    eachChunk(hidden, teacher: nil) { rows, logits, _ in
      for row in rows {
        let z = logits + (row - rows.lowerBound) * vocabulary
        if inverse != 1 {
          for index in 0..<vocabulary { z[index] *= inverse }
        }
        tokens.append(
          Int32(
            LogitRow(z, count: vocabulary).sample(
              z, count: vocabulary, topP: options.topP, at: uniforms[row])))
      }
    }
    return tokens
  }
}
