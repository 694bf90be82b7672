/// AdamW over all latents at once, flattened.
///
/// `m = β₁m + (1−β₁)g`, `v = β₂v + (1−β₂)g²`, `x −= lr·(m̂/(√v̂ + ε) + decay·x)` with bias-corrected m̂, v̂;
/// the update of PyTorch's `torch.optim.AdamW`. Source: Loshchilov and Hutter, "Decoupled Weight Decay
/// Regularization", 2019. State is Float32, arithmetic of the scalars Float64.
public struct AdamW: Sendable {
  /// Decay of the first moment.
  public var beta1 = 0.9
  /// Decay of the second moment.
  public var beta2 = 0.999
  /// Added to the root of the second moment.
  public var epsilon = 1e-8
  /// Decoupled weight decay.
  public var weightDecay = 0.0
  /// Steps taken.
  public internal(set) var step = 0
  /// β₁ and β₂ to the power of how many steps.
  private var corrections = (count: 0, first: 1.0, second: 1.0)
  var firstMoments: [Float]
  var secondMoments: [Float]

  /// Fresh state for `count` parameters.
  public init(count: Int) {
    firstMoments = Array(repeating: 0, count: count)
    secondMoments = Array(repeating: 0, count: count)
  }

  /// One step on `parameters` with `gradient`, both `count` long.
  public mutating func update(
    _ parameters: inout [Float], gradient: [Float], learningRate: Double
  ) {
    precondition(parameters.count == firstMoments.count && gradient.count == parameters.count)
    step += 1
    // One factor a step; all of them after a state was restored.
    if corrections.count != step - 1 { corrections = (0, 1, 1) }
    for _ in corrections.count..<step {
      corrections.first *= beta1
      corrections.second *= beta2
    }
    corrections.count = step
    let stepSize = Float(learningRate / (1 - corrections.first))
    let rootCorrection = Float((1 - corrections.second).squareRoot())
    let (b1, b2) = (Float(beta1), Float(beta2))
    let (shrink, epsilon) = (Float(1 - learningRate * weightDecay), Float(epsilon))
    for index in parameters.indices {
      let g = gradient[index]
      firstMoments[index] += (g - firstMoments[index]) * (1 - b1)
      secondMoments[index] = b2 * secondMoments[index] + (1 - b2) * g * g
      let denominator = secondMoments[index].squareRoot() / rootCorrection + epsilon
      parameters[index] = parameters[index] * shrink - stepSize * firstMoments[index] / denominator
    }
  }
}
