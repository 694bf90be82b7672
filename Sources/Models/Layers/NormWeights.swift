import Checkpoints

/// A norm with its weights, of either kind.
struct NormWeights: Sendable {
  let shape: Norm
  /// What is multiplied by, the offset of the stored weight in it.
  let weight: FloatBuffer
  let bias: FloatBuffer?

  var size: Int { weight.count }

  init(_ shape: Norm, weight: [Float], bias: [Float]?) {
    self.shape = shape
    self.weight = FloatBuffer(shape.offset == 0 ? weight : weight.map { $0 + shape.offset })
    self.bias = bias.map { FloatBuffer($0) }
  }

  /// Writes `y` `[tokens, size]` and keeps in `inverse` `[tokens]` what ``backward(_:inverse:dy:tokens:addingTo:)`` needs.
  func forward(
    _ x: UnsafePointer<Float>, tokens: Int, into y: UnsafeMutablePointer<Float>,
    inverse: UnsafeMutablePointer<Float>
  ) {
    switch shape.kind {
    case .rms:
      RMSNorm.forward(
        x, weight: weight.pointer, epsilon: Float(shape.epsilon), tokens: tokens, size: size,
        into: y, inverse: inverse)
    case .layer:
      LayerNorm.forward(
        x, weight: weight.pointer, bias: bias.map { UnsafePointer($0.pointer) },
        epsilon: Float(shape.epsilon), tokens: tokens, size: size, into: y, inverse: inverse)
    }
  }

  /// Adds ∂L/∂x to `dx` `[tokens, size]`.
  func backward(
    _ x: UnsafePointer<Float>, inverse: UnsafePointer<Float>, dy: UnsafePointer<Float>,
    tokens: Int, addingTo dx: UnsafeMutablePointer<Float>
  ) {
    switch shape.kind {
    case .rms:
      RMSNorm.backward(
        x, weight: weight.pointer, inverse: inverse, dy: dy, tokens: tokens, size: size,
        addingTo: dx)
    case .layer:
      LayerNorm.backward(
        x, weight: weight.pointer, inverse: inverse, dy: dy, tokens: tokens, size: size,
        addingTo: dx)
    }
  }
}
