import Checkpoints
import Faults
import LinearAlgebra

/// Feed-forward layers of which each token goes through a few: each expert is run on the rows of its tokens, which are put together
/// for it, and what it gives is weighted and added where they came from.
extension Decoder {
  /// An expert with its tokens.
  private struct Expert {
    /// Its number, or that behind the last for the one that all tokens go to.
    let number: Int
    let shape: Block.FeedForward
    let wideProduct, downProduct: Block.Product
    let tokens: ArraySlice<Int>
    let weights: ArraySlice<Float>
    /// Gate and up projections `[tokens, 2F]`.
    let gateUp: UnsafeMutablePointer<Float>
    var count: Int { tokens.count }
  }

  /// The experts of a block in the order of their numbers, also those without a token; the shared one last.
  private func experts(
    _ block: Block, _ shape: Block.Experts, _ router: Router, _ layer: DecoderTape.Layer,
    tokens: Int
  ) -> (routes: Routes, experts: [Expert]) {
    let routes = router.routes(layer.routes.pointer, tokens: tokens)
    var experts = (0..<shape.count).map { number in
      let rows = routes.rows(of: number)
      return Expert(
        number: number, shape: shape.feedForward, wideProduct: .expertGateUp(number),
        downProduct: .expertDown(number), tokens: routes.tokens[rows],
        weights: routes.weights[rows],
        gateUp: layer.expertGateUp.pointer + rows.lowerBound * shape.feedForward.wide)
    }
    if block.feedForward.size > 0 {
      let weights = (0..<tokens).map { layer.routes.pointer[$0 * router.stride + shape.count] }
      experts.append(
        Expert(
          number: shape.count, shape: block.feedForward, wideProduct: .gateUp, downProduct: .down,
          tokens: ArraySlice(0..<tokens), weights: ArraySlice(weights),
          gateUp: layer.gateUp.pointer))
    }
    return (routes, experts)
  }

  /// `output` `[tokens, d]` = the state behind attention and what experts add, of the normed state that the block's experts are
  /// given.
  func forwardExperts(
    _ index: Int, _ block: LayerWeights, _ layer: DecoderTape.Layer, tokens: Int,
    into output: UnsafeMutablePointer<Float>
  ) {
    guard let shape = block.shape.experts else { return }
    let hidden = configuration.hiddenSize
    let router = Router(block.shape, shape)
    let x = activations(layer.feedForwardInput.pointer, tokens: tokens, columns: hidden)
    block[.router].multiply(
      x, count: tokens, .forward, into: layer.routes.pointer, stride: router.stride)
    router.forward(layer.routes.pointer, tokens: tokens)
    output.update(from: layer.middle.pointer, count: tokens * hidden)
    let experts = experts(block.shape, shape, router, layer, tokens: tokens).experts
    for expert in experts where expert.count > 0 {
      let (count, size) = (expert.count, expert.shape.size)
      let input = activations(gathered(expert, layer), tokens: count, columns: hidden)
      product(
        expert.wideProduct, index, block, layer, input, count, into: expert.gateUp,
        stride: expert.shape.wide)
      let given = activations(activation(expert), tokens: count, columns: size)
      let result = scratch.buffer(.expertOutput, count: count * hidden)
      product(expert.downProduct, index, block, layer, given, count, into: result, stride: hidden)
      for (row, (token, weight)) in zip(expert.tokens, expert.weights).enumerated() {
        let (source, target) = (result + row * hidden, output + token * hidden)
        for column in 0..<hidden { target[column] += weight * source[column] }
      }
    }
  }

  /// What an expert's first product is given `[count, d]`.
  private func gathered(_ expert: Expert, _ layer: DecoderTape.Layer) -> UnsafePointer<Float> {
    let hidden = configuration.hiddenSize
    let input = scratch.buffer(.expertInput, count: expert.count * hidden)
    for (row, token) in expert.tokens.enumerated() {
      (input + row * hidden).update(
        from: layer.feedForwardInput.pointer + token * hidden, count: hidden)
    }
    return UnsafePointer(input)
  }

  /// What an expert's second product is given `[count, F]`.
  private func activation(_ expert: Expert) -> UnsafePointer<Float> {
    let activation = scratch.buffer(.expertActivation, count: expert.count * expert.shape.size)
    GatedActivation(shape: expert.shape).forward(
      expert.gateUp, tokens: expert.count, into: activation)
    return UnsafePointer(activation)
  }

  /// Adds to `dResidual` `[tokens, d]`, the gradient of a block's output, that of what its experts were given: through each and
  /// through the weights, whose matrix does not train.
  func backwardExperts(
    _ index: Int, _ block: LayerWeights, _ layer: DecoderTape.Layer, tokens: Int,
    dResidual: UnsafeMutablePointer<Float>, gradients: inout ModuleGradients,
    curvature: CurvatureAccumulator?, factors: FactorGradients?
  ) throws(Fault) {
    guard let shape = block.shape.experts else { return }
    let router = Router(block.shape, shape)
    let (routes, experts) = experts(block.shape, shape, router, layer, tokens: tokens)
    let hidden = configuration.hiddenSize
    let norm = block.vectors.norms[block.feedForwardNormRole]
    let dInput = scratch.buffer(.dNormed, count: tokens * hidden)
    dInput.update(repeating: 0, count: tokens * hidden)
    let dScores = scratch.buffer(.dScores, count: tokens * router.stride)
    dScores.update(repeating: 0, count: tokens * router.stride)
    for expert in experts where expert.count > 0 || curvature != nil {
      let (count, size, wide) = (expert.count, expert.shape.size, expert.shape.wide)
      // w·∂L/∂y: the gradient of the expert's output.
      let dResult = scratch.buffer(.expertOutput, count: count * hidden)
      for (row, (token, weight)) in zip(expert.tokens, expert.weights).enumerated() {
        let (source, target) = (dResidual + token * hidden, dResult + row * hidden)
        for column in 0..<hidden { target[column] = weight * source[column] }
      }
      let activation = activation(expert)
      let dActivation = scratch.buffer(.dActivation, count: count * size)
      try backwardProduct(
        expert.downProduct, index, block, layer, expert, x: activation, dY: dResult,
        into: dActivation, &gradients, curvature, factors)
      // An expert is linear in its activation: w·∂L/∂w is what this brings.
      for (row, token) in expert.tokens.enumerated() {
        dScores[token * router.stride + expert.number] = dot(
          activation + row * size, dActivation + row * size, count: size)
      }
      let dWide = scratch.buffer(.dWide, count: count * wide)
      GatedActivation(shape: expert.shape).backward(
        expert.gateUp, dActivation: dActivation, tokens: count, into: dWide)
      let dGathered = scratch.buffer(.dExpertInput, count: count * hidden)
      try backwardProduct(
        expert.wideProduct, index, block, layer, expert, x: gathered(expert, layer), dY: dWide,
        into: dGathered, &gradients, curvature, factors)
      for (row, token) in expert.tokens.enumerated() {
        let (source, target) = (dGathered + row * hidden, dInput + token * hidden)
        for column in 0..<hidden { target[column] += source[column] }
      }
    }
    router.backward(layer.routes.pointer, routes, dScores, tokens: tokens)
    block[.router].multiply(
      activations(dScores, tokens: tokens, columns: router.stride), count: tokens, .backward,
      into: dInput, stride: hidden, adding: true, keepsLayout: laysOutBackward)
    norm?.backward(
      layer.middle.pointer, inverse: layer.feedForwardInverse.pointer, dy: dInput, tokens: tokens,
      addingTo: dResidual)
  }

  /// `dX` `[count, in]` of one of an expert's products, and what its modules find.
  private func backwardProduct(
    _ product: Block.Product, _ index: Int, _ block: LayerWeights, _ layer: DecoderTape.Layer,
    _ expert: Expert, x: UnsafePointer<Float>, dY: UnsafePointer<Float>,
    into dX: UnsafeMutablePointer<Float>, _ gradients: inout ModuleGradients,
    _ curvature: CurvatureAccumulator?, _ factors: FactorGradients?
  ) throws(Fault) {
    let (count, matrix) = (expert.count, block[product])
    let rows = activations(dY, tokens: count, columns: matrix.rows)
    matrix.multiply(
      rows, count: count, .backward, into: dX, stride: matrix.columns,
      keepsLayout: laysOutBackward)
    for (kind, column) in columns(of: product, block.shape) {
      try curvature?.add(
        index, kind, at: expert.tokens, input: x, gradient: dY + column, stride: matrix.rows)
      guard count > 0 else { continue }
      backwardModule(
        ModuleGradients.Key(layer: index, kind: kind), layer, x: x,
        dY: rows.dropping(columns: column), dX: dX, tokens: count, &gradients, factors)
    }
  }
}
