public import Checkpoints
public import Faults
import LinearAlgebra
public import Tensors
import Threads

extension Decoder {
  /// Gradients of every core for the last recorded batch.
  ///
  /// - Parameters:
  ///   - hiddenGradient: ∂L/∂(hidden states that a forward pass returned) at the loss positions, `[P, d]`.
  ///   - curvature: Keeps inputs and output gradients of every module, if given; the batch is the next part of its own.
  ///   - factors: Gets the gradients of trained columns of factors, if given.
  /// - Returns: ∂L/∂M `[outputRank, inputRank]` of each trainable module, in `updates.trainable` order.
  /// - Throws: what reading a block throws, where the weights are streamed; what keeping rows throws.
  public func backward(
    _ hiddenGradient: Matrix<Float>, curvature: CurvatureAccumulator? = nil,
    factors: FactorGradients? = nil
  ) throws(Fault) -> [Matrix<Float>] {
    try withThreads(threads) { () throws(Fault) in
      try backwardPass(hiddenGradient, curvature: curvature, factors: factors)
    }
  }

  private func backwardPass(
    _ hiddenGradient: Matrix<Float>, curvature: CurvatureAccumulator?, factors: FactorGradients?
  ) throws(Fault) -> [Matrix<Float>] {
    guard let batch = recorded else { preconditionFailure("no forward pass was recorded") }
    precondition(hasInputs || curvature == nil && factors == nil, "inputs were not kept")
    curvature?.begin(tokens: batch.tokens.count)
    var gradients = ModuleGradients()
    let dResidual = scratch.buffer(
      .dResidual, count: batch.tokens.count * configuration.hiddenSize)
    gradientOfFinalNorm(hiddenGradient, batch: batch, into: dResidual)
    let positions = batch.positionOfToken
    let orders = backwardOrders(recomputes: recomputes)
    for index in stride(from: configuration.layerCount - 1, through: 0, by: -1) {
      let block = try weights.layer(index, orders, precision)
      let layer = recordedLayer(index, block, batch: batch, positions: positions)
      if !recomputes, curvature != nil || factors != nil {
        restoreInputs(block, layer, tokens: batch.tokens.count)
      }
      try backwardBlock(
        index, block, layer, batch: batch, positions: positions, dResidual: dResidual,
        gradients: &gradients, curvature: curvature, factors: factors)
    }
    return gradients.ordered(by: updates)
  }

  /// Whether backward products lay out the blocks that come without.
  var laysOutBackward: Bool { keepsBackward && weights.holds(precision) }

  /// The layouts that a block needs on the way back.
  func backwardOrders(recomputes: Bool) -> Set<FrozenMatrix.Order> {
    let isHeld = weights.holds(precision)
    if precision == .float32, recomputes ? !isHeld || !keepsBackward : isHeld && !keepsBackward {
      // Panels of the other order are made as they are needed.
      return [.forward]
    }
    return recomputes ? [.forward, .backward] : [.backward]
  }

  /// Takes the gradient of the residual stream `[N, d]` back through a block whose activations are at hand.
  func backwardBlock(
    _ index: Int, _ block: LayerWeights, _ layer: DecoderTape.Layer, batch: TokenBatch,
    positions: [Int], dResidual: UnsafeMutablePointer<Float>, gradients: inout ModuleGradients,
    curvature: CurvatureAccumulator?, factors: FactorGradients?
  ) throws(Fault) {
    // In a parallel block both branches have the gradient of its output.
    var dOutput = UnsafePointer(dResidual)
    if block.shape.isParallel {
      let count = batch.tokens.count * configuration.hiddenSize
      let copy = scratch.buffer(.dOutput, count: count)
      copy.update(from: dResidual, count: count)
      dOutput = UnsafePointer(copy)
    }
    if block.shape.experts != nil {
      try backwardExperts(
        index, block, layer, tokens: batch.tokens.count, dResidual: dResidual,
        gradients: &gradients, curvature: curvature, factors: factors)
    } else {
      try backwardFeedForward(
        index, block, layer, batch: batch, dOutput: dOutput, dResidual: dResidual,
        gradients: &gradients, curvature: curvature, factors: factors)
    }
    try backwardAttention(
      index, block, layer, batch: batch, positions: positions, dOutput: dOutput,
      dResidual: dResidual, gradients: &gradients, curvature: curvature, factors: factors)
  }

  /// Bytes that recording a batch of `tokens` and its backward pass take beside the weights, but for attention's
  /// probabilities and updates' own activations.
  public static func byteCount(of weights: DecoderWeights, tokens: Int, recomputes: Bool) -> Int {
    byteCount(of: weights.configuration, tokens: tokens, recomputes: recomputes)
  }

  /// The same for a model that is not loaded.
  public static func byteCount(
    of configuration: DecoderConfiguration, tokens: Int, recomputes: Bool
  ) -> Int {
    let hidden = configuration.hiddenSize
    let blocks = configuration.blocks.map {
      DecoderTape.numbers($0, hiddenSize: hidden, keepsInputs: true)
    }
    // A block's own and shared numbers are those of its gradients too (`DecoderScratch`).
    let largest = blocks.map { $0.kept + $0.shared }.max() ?? 0
    let kept =
      recomputes
      ? largest + blocks.count * hidden
      : blocks.reduce(0) { $0 + $1.kept } + (blocks.map(\.shared).max() ?? 0)
    return DecoderTape.roomy((kept + largest + 2 * hidden) * tokens) * MemoryLayout<Float>.size
      + configuration.distanceByteCount(blocks: recomputes ? 2 : blocks.count + 1)
  }

  /// Bytes that a pass of `tokens` from which nothing comes back takes beside the weights, but for the same.
  public static func forwardByteCount(of configuration: DecoderConfiguration, tokens: Int) -> Int {
    let hidden = configuration.hiddenSize
    let blocks = configuration.blocks.map {
      DecoderTape.numbers($0, hiddenSize: hidden, keepsInputs: true)
    }
    let largest = blocks.map { $0.kept + $0.shared }.max() ?? 0
    return DecoderTape.roomy((largest + 2 * hidden) * tokens) * MemoryLayout<Float>.size
      + configuration.distanceByteCount(blocks: 1)
  }

  /// Computes again what modules were given and the tape has not kept: a norm or an activation of what it has.
  func restoreInputs(_ block: LayerWeights, _ layer: DecoderTape.Layer, tokens: Int) {
    if let norm = block.vectors.norms[.attentionNorm] {
      norm.forward(
        layer.input.pointer, tokens: tokens, into: layer.attentionInput.pointer,
        inverse: layer.attentionInverse.pointer)
    }
    if let norm = block.vectors.norms[block.feedForwardNormRole] {
      norm.forward(
        block.shape.isParallel ? layer.input.pointer : layer.middle.pointer, tokens: tokens,
        into: layer.feedForwardInput.pointer, inverse: layer.feedForwardInverse.pointer)
    }
    // Those of experts are computed where they are needed.
    guard block.shape.experts == nil else { return }
    GatedActivation(shape: block.shape.feedForward).forward(
      layer.gateUp.pointer, tokens: tokens, into: layer.activation.pointer)
  }

  /// Writes ∂L/∂(residual stream after the last block) `[N, d]`; zero away from the loss positions, whose states were the last
  /// that this decoder normed.
  func gradientOfFinalNorm(
    _ hiddenGradient: Matrix<Float>, batch: TokenBatch, into dResidual: UnsafeMutablePointer<Float>
  ) {
    let hidden = configuration.hiddenSize
    let count = batch.lossPositions.count
    dResidual.update(repeating: 0, count: batch.tokens.count * hidden)
    let dGathered = scratch.buffer(.dHidden, count: count * hidden)
    dGathered.update(repeating: 0, count: count * hidden)
    hiddenGradient.elements.withUnsafeBufferPointer { gradient in
      guard let gradient = gradient.baseAddress else { return }
      guard let norm = weights.finalNorm else {
        return dGathered.update(from: gradient, count: count * hidden)
      }
      norm.backward(
        scratch.buffer(.gathered, count: count * hidden),
        inverse: scratch.buffer(.gatheredInverse, count: count), dy: gradient, tokens: count,
        addingTo: dGathered)
    }
    for (row, position) in batch.lossPositions.enumerated() {
      for index in 0..<hidden {
        dResidual[position * hidden + index] += dGathered[row * hidden + index]
      }
    }
  }

  /// The gradient of a branch's product for that of the state it was added to, `[tokens, d]`.
  ///
  /// Where the norm is behind the sum, that of the sum is the product's and from here on also the residual stream's.
  private func gradientOfBranch(
    _ product: Block.Product, _ block: LayerWeights, _ layer: DecoderTape.Layer,
    dOutput: UnsafePointer<Float>, dResidual: UnsafeMutablePointer<Float>, tokens: Int
  ) -> UnsafePointer<Float> {
    let count = tokens * configuration.hiddenSize
    let scale = Float(block.shape.residualScale)
    let norm = block.vectors.norms[product.outputNormRole]
    guard norm != nil || scale != 1 else { return dOutput }
    var gradient = dOutput
    if scale != 1 {
      let scaled = scratch.buffer(.branch, count: count)
      for index in 0..<count { scaled[index] = scale * dOutput[index] }
      gradient = UnsafePointer(scaled)
    }
    guard let norm else { return gradient }
    let (values, inverse) = layer.branch(product)
    let dBranch = scratch.buffer(.dBranch, count: count)
    dBranch.update(repeating: 0, count: count)
    norm.backward(
      values.pointer, inverse: inverse.pointer, dy: gradient, tokens: tokens, addingTo: dBranch)
    if block.shape.placement == .postSum { dResidual.update(from: dBranch, count: count) }
    return UnsafePointer(dBranch)
  }

  private func backwardFeedForward(
    _ index: Int, _ block: LayerWeights, _ layer: DecoderTape.Layer, batch: TokenBatch,
    dOutput: UnsafePointer<Float>, dResidual: UnsafeMutablePointer<Float>,
    gradients: inout ModuleGradients, curvature: CurvatureAccumulator?,
    factors: FactorGradients?
  ) throws(Fault) {
    let tokens = batch.tokens.count
    let (shape, hidden) = (block.shape.feedForward, configuration.hiddenSize)
    let dBranch = gradientOfBranch(
      .down, block, layer, dOutput: dOutput, dResidual: dResidual, tokens: tokens)
    let dActivation = scratch.buffer(.dActivation, count: tokens * shape.size)
    var dY = activations(dBranch, tokens: tokens, columns: hidden)
    block[.down].multiply(
      dY, count: tokens, .backward, into: dActivation, stride: shape.size,
      keepsLayout: laysOutBackward)
    try curvature?.add(
      index, .down, input: layer.activation.pointer, gradient: dBranch, stride: hidden)
    backwardModule(
      ModuleGradients.Key(layer: index, kind: .down), layer, x: layer.activation.pointer, dY: dY,
      dX: dActivation, tokens: tokens, &gradients, factors)
    let dWide = scratch.buffer(.dWide, count: tokens * shape.wide)
    GatedActivation(shape: shape).backward(
      layer.gateUp.pointer, dActivation: dActivation, tokens: tokens, into: dWide)
    // Without a norm in between the gradient belongs to the residual stream itself.
    let norm = block.vectors.norms[block.feedForwardNormRole]
    let dInput = norm == nil ? dResidual : scratch.buffer(.dNormed, count: tokens * hidden)
    dY = activations(dWide, tokens: tokens, columns: shape.wide)
    block[.gateUp].multiply(
      dY, count: tokens, .backward, into: dInput, stride: hidden, adding: norm == nil,
      keepsLayout: laysOutBackward)
    for (kind, column) in columns(of: .gateUp, block.shape) {
      try curvature?.add(
        index, kind, input: layer.feedForwardInput.pointer, gradient: dWide + column,
        stride: shape.wide)
      backwardModule(
        ModuleGradients.Key(layer: index, kind: kind), layer, x: layer.feedForwardInput.pointer,
        dY: dY.dropping(columns: column), dX: dInput, tokens: tokens, &gradients, factors)
    }
    norm?.backward(
      block.shape.isParallel ? layer.input.pointer : layer.middle.pointer,
      inverse: layer.feedForwardInverse.pointer, dy: dInput, tokens: tokens,
      addingTo: dResidual)
  }

  private func backwardAttention(
    _ index: Int, _ block: LayerWeights, _ layer: DecoderTape.Layer, batch: TokenBatch,
    positions: [Int], dOutput: UnsafePointer<Float>, dResidual: UnsafeMutablePointer<Float>,
    gradients: inout ModuleGradients, curvature: CurvatureAccumulator?,
    factors: FactorGradients?
  ) throws(Fault) {
    let tokens = batch.tokens.count
    let (shape, hidden) = (block.shape.attention, configuration.hiddenSize)
    let (query, width) = (shape.queryWidth, shape.columns.width)
    let dBranch = gradientOfBranch(
      .output, block, layer, dOutput: dOutput, dResidual: dResidual, tokens: tokens)
    let dAttention = scratch.buffer(.dAttention, count: tokens * query)
    var dY = activations(dBranch, tokens: tokens, columns: hidden)
    block[.output].multiply(
      dY, count: tokens, .backward, into: dAttention, stride: query, keepsLayout: laysOutBackward)
    try curvature?.add(
      index, .output, input: layer.attentionOutput.pointer, gradient: dBranch, stride: hidden)
    backwardModule(
      ModuleGradients.Key(layer: index, kind: .output), layer, x: layer.attentionOutput.pointer,
      dY: dY, dX: dAttention, tokens: tokens, &gradients, factors)
    let rows = rows(block.shape, tokens: tokens)
    let dQKV = scratch.buffer(.dQueryKeyValue, count: rows * width)
    attendBack(index, layer, batch: batch, dOutput: dAttention, into: dQKV)
    rotate(index, dQKV, positions: positions, inverse: true)
    headNorm(block)?.backward(
      layer.rawQueryKeyValue.pointer, inverse: layer.headInverse.pointer, gradient: dQKV,
      tokens: tokens)
    // Below the first block nothing trains: its input gradient is not needed.
    let needsInput = index > 0
    let norm = block.vectors.norms[.attentionNorm]
    let dInput = norm == nil ? dResidual : scratch.buffer(.dNormed, count: tokens * hidden)
    dY = activations(dQKV, tokens: rows, columns: width)
    if needsInput {
      block[.queryKeyValue].multiply(
        dY, count: tokens, .backward, into: dInput, stride: hidden, adding: norm == nil,
        keepsLayout: laysOutBackward)
    }
    for (kind, column) in columns(of: .queryKeyValue, block.shape) {
      try curvature?.add(
        index, kind, input: layer.attentionInput.pointer, gradient: dQKV + column, stride: width)
      backwardModule(
        ModuleGradients.Key(layer: index, kind: kind), layer, x: layer.attentionInput.pointer,
        dY: dY.dropping(columns: column), dX: needsInput ? dInput : nil, tokens: rows,
        inputs: tokens, &gradients, factors)
    }
    guard needsInput else { return }
    norm?.backward(
      layer.input.pointer, inverse: layer.attentionInverse.pointer, dy: dInput, tokens: tokens,
      addingTo: dResidual)
  }

  /// The update's part of one module: with `h = dY·O` `[N, outputRank]` and `p = x·I` `[N, inputRank]`,
  /// `dM = hᵀ·p` and `dX += (h·M)·Iᵀ`.
  ///
  /// - Parameter inputs: The first of the rows whose `dX` is wanted; nil for all `tokens`.
  func backwardModule(
    _ key: ModuleGradients.Key, _ layer: DecoderTape.Layer, x: UnsafePointer<Float>,
    dY: ActivationRows, dX: UnsafeMutablePointer<Float>?, tokens: Int, inputs: Int? = nil,
    _ gradients: inout ModuleGradients, _ factors: FactorGradients?
  ) {
    guard let update = updates[key.layer, key.kind], update.inputRank > 0, update.outputRank > 0
    else { return }
    let projectedGradient = scratch.buffer(.outputProjected, count: tokens * update.outputRank)
    update.outputFactor.multiply(
      dY, count: tokens, .backward, into: projectedGradient, stride: update.outputRank)
    var mixed = projectedGradient
    if let core = update.core {
      let projected =
        tape.projected(layer, key.kind, rank: update.inputRank, rows: tokens).pointer
      var gradient = Matrix<Float>(rows: update.outputRank, columns: update.inputRank)
      gradient.elements.withUnsafeMutableBufferPointer { target in
        guard let target = target.baseAddress else { return }
        BLAS.gemm(
          transposeA: true, rows: update.outputRank, columns: update.inputRank, inner: tokens,
          projectedGradient, projected, target)
      }
      gradients[key] = gradient
      mixed = scratch.buffer(.inputProjected, count: tokens * update.inputRank)
      BLAS.gemm(
        rows: tokens, columns: update.inputRank, inner: update.outputRank, projectedGradient,
        core.pointer, mixed)
      if let factors, update.trainedColumns > 0 {
        factors[key.layer, key.kind] = factorGradients(
          update, core: core, projected: projected, x: x, mixed: mixed, dY: dY, tokens: tokens)
      }
    }
    guard let dX else { return }
    let inputs = inputs ?? tokens
    update.inputFactor.multiply(
      activations(mixed, tokens: inputs, columns: update.inputRank, name: .roundedNarrow),
      count: inputs, .forward, into: dX, stride: update.inFeatures, adding: true)
  }

  /// Gradients of the trained columns from `p = x·I` `[N, inputRank]` and `mixed = dY·O·M` `[N, inputRank]`.
  private func factorGradients(
    _ update: ModuleUpdate, core: FloatBuffer, projected: UnsafePointer<Float>,
    x: UnsafePointer<Float>,
    mixed: UnsafePointer<Float>, dY: ActivationRows, tokens: Int
  ) -> FactorGradients.Pair {
    let (count, rank) = (update.trainedColumns, update.inputRank)
    var pair = FactorGradients.Pair(
      output: Matrix(rows: update.outFeatures, columns: count),
      input: Matrix(rows: update.inFeatures, columns: count))
    // p times the last rows of M: what the trained columns of O are given.
    let given = scratch.buffer(.mixed, count: tokens * count)
    BLAS.gemm(
      transposeB: true, rows: tokens, columns: count, inner: rank, projected,
      core.pointer + (update.outputRank - count) * rank, given)
    pair.output.elements.withUnsafeMutableBufferPointer { target in
      guard let target = target.baseAddress else { return }
      BLAS.gemm(
        transposeA: true, rows: update.outFeatures, columns: count, inner: tokens, dY.values,
        strideA: dY.stride, given, target)
    }
    pair.input.elements.withUnsafeMutableBufferPointer { target in
      guard let target = target.baseAddress else { return }
      BLAS.gemm(
        transposeA: true, rows: update.inFeatures, columns: count, inner: tokens, x,
        mixed + (rank - count), strideB: rank, target)
    }
    return pair
  }
}
