import Checkpoints
import LinearAlgebra
import Threads

/// A block on the way forward.
extension Decoder {
  /// Writes the residual stream behind a block `[N, d]`; what enters it is on the tape, where the rest goes.
  func forwardBlock(
    _ index: Int, _ block: LayerWeights, _ layer: DecoderTape.Layer, batch: TokenBatch,
    positions: [Int], into output: UnsafeMutablePointer<Float>
  ) {
    forwardBlock(
      index, block, layer, tokens: batch.tokens.count, positions: positions, into: output
    ) {
      attend(index, layer, batch: batch, $0, into: $1)
    }
  }

  /// The same with attention as `attend` computes it, from rotated queries and keys and values `[N, (H+2K)·D]` to `[N, H·D]`.
  func forwardBlock(
    _ index: Int, _ block: LayerWeights, _ layer: DecoderTape.Layer, tokens: Int, positions: [Int],
    into output: UnsafeMutablePointer<Float>,
    attend: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) {
    let (shape, hidden) = (block.shape, configuration.hiddenSize)
    let (input, middle) = (layer.input.pointer, layer.middle.pointer)
    if let norm = block.vectors.norms[.attentionNorm] {
      norm.forward(
        input, tokens: tokens, into: layer.attentionInput.pointer,
        inverse: layer.attentionInverse.pointer)
    }
    let qkv = layer.queryKeyValue.pointer
    let width = shape.attention.columns.width
    let rows = rows(shape, tokens: tokens)
    appendDistances(shape, layer, tokens: tokens)
    let x = activations(layer.attentionInput.pointer, tokens: rows, columns: hidden)
    product(.queryKeyValue, index, block, layer, x, rows, into: qkv, stride: width)
    normHeads(block, layer, tokens: tokens)
    rotate(index, qkv, positions: positions, inverse: false)
    attend(qkv, layer.attentionOutput.pointer)
    branch(
      .output, index, block, layer, input: layer.attentionOutput, from: input, to: middle, tokens)

    if let norm = block.vectors.norms[block.feedForwardNormRole] {
      norm.forward(
        shape.isParallel ? input : middle, tokens: tokens, into: layer.feedForwardInput.pointer,
        inverse: layer.feedForwardInverse.pointer)
    }
    guard shape.experts == nil else {
      return forwardExperts(index, block, layer, tokens: tokens, into: output)
    }
    let wide = shape.feedForward.wide
    let y = activations(layer.feedForwardInput.pointer, tokens: tokens, columns: hidden)
    product(.gateUp, index, block, layer, y, tokens, into: layer.gateUp.pointer, stride: wide)
    GatedActivation(shape: shape.feedForward).forward(
      layer.gateUp.pointer, tokens: tokens, into: layer.activation.pointer)
    branch(.down, index, block, layer, input: layer.activation, from: middle, to: output, tokens)
  }

  /// `y` `[tokens, stride]` = or += the product with its bias and the updates of its modules, which lie side by side.
  func product(
    _ product: Block.Product, _ index: Int, _ block: LayerWeights, _ layer: DecoderTape.Layer,
    _ x: ActivationRows, _ tokens: Int, into y: UnsafeMutablePointer<Float>, stride: Int,
    adding: Bool = false
  ) {
    block[product].multiply(
      x, count: tokens, .forward, into: y, stride: stride, adding: adding)
    addBias(block, product, tokens: tokens, to: y)
    for (kind, column) in columns(of: product, block.shape) {
      apply(index, kind, layer, x, tokens, to: y + column, stride: stride)
    }
  }

  /// The modules of a product and their first columns.
  func columns(of product: Block.Product, _ shape: Block) -> [(kind: LinearKind, column: Int)] {
    var column = 0
    return shape.kinds(of: product).map { kind in
      defer {
        column += shape.shape(of: kind, hiddenSize: configuration.hiddenSize).outFeatures
      }
      return (kind, column)
    }
  }

  /// `to` = `from` + scale · norm(product of `input`), norm and scale where the block has them, or norm(`from` + product).
  private func branch(
    _ product: Block.Product, _ index: Int, _ block: LayerWeights, _ layer: DecoderTape.Layer,
    input: FloatBuffer, from source: UnsafePointer<Float>,
    to target: UnsafeMutablePointer<Float>, _ tokens: Int
  ) {
    let hidden = configuration.hiddenSize
    let x = activations(input.pointer, tokens: tokens, columns: block[product].columns)
    let norm = block.vectors.norms[product.outputNormRole]
    let scale = Float(block.shape.residualScale)
    if block.shape.placement == .postSum, let norm {
      let (sum, inverse) = layer.branch(product)
      sum.pointer.update(from: source, count: tokens * hidden)
      self.product(
        product, index, block, layer, x, tokens, into: sum.pointer, stride: hidden, adding: true)
      norm.forward(sum.pointer, tokens: tokens, into: target, inverse: inverse.pointer)
      return
    }
    guard norm != nil || scale != 1 else {
      target.update(from: source, count: tokens * hidden)
      self.product(
        product, index, block, layer, x, tokens, into: target, stride: hidden, adding: true)
      return
    }
    let (kept, inverse) = layer.branch(product)
    var values = norm == nil ? scratch.buffer(.branch, count: tokens * hidden) : kept.pointer
    self.product(product, index, block, layer, x, tokens, into: values, stride: hidden)
    if let norm {
      let normed = scratch.buffer(.normedBranch, count: tokens * hidden)
      norm.forward(
        values, tokens: tokens, into: normed, inverse: inverse.pointer)
      values = normed
    }
    for index in 0..<tokens * hidden { target[index] = source[index] + scale * values[index] }
  }

  /// Norms queries and keys, where the block does, and keeps what they were.
  private func normHeads(_ block: LayerWeights, _ layer: DecoderTape.Layer, tokens: Int) {
    guard let norm = headNorm(block) else { return }
    let count = tokens * block.shape.attention.columns.width
    layer.rawQueryKeyValue.pointer.update(from: layer.queryKeyValue.pointer, count: count)
    norm.forward(layer.queryKeyValue.pointer, tokens: tokens, inverse: layer.headInverse.pointer)
  }

  func headNorm(_ block: LayerWeights) -> HeadNorm? {
    guard let query = block.vectors.norms[.queryNorm], let key = block.vectors.norms[.keyNorm]
    else { return nil }
    return HeadNorm(shape: block.shape.attention, query: query, key: key)
  }

  /// Turns queries and keys of every token, or their gradients back.
  func rotate(
    _ index: Int, _ rows: UnsafeMutablePointer<Float>, positions: [Int], inverse: Bool
  ) {
    guard let place = weights.rotaryOfLayer[index] else { return }
    let shape = weights.shapes[index].attention
    let columns = shape.columns
    rotary[place].rotate(
      rows, stride: columns.width,
      heads: (0..<shape.headCount).map(columns.query)
        + (0..<shape.keyValueHeadCount).map(columns.key),
      positionOfToken: positions, inverse: inverse)
  }

  /// Adds the bias of a matrix, where it has one, to every row of its product.
  ///
  /// `y` `[tokens, rows]`; constants have no gradient here.
  private func addBias(
    _ block: LayerWeights, _ product: Block.Product, tokens: Int,
    to y: UnsafeMutablePointer<Float>
  ) {
    guard let buffer = block.vectors.biases[product] else { return }
    let size = buffer.count
    shareOut(tokens, grain: rowGrain(size), over: (UnsafePointer(buffer.pointer), y)) {
      range, memory in
      let (bias, y) = memory
      for token in range {
        let row = y + token * size
        for index in 0..<size { row[index] += bias[index] }
      }
    }
  }

  /// `y += ((x·I)·Mᵀ)·Oᵀ`, keeping `x·I`; `x` `[N, in]`, `y` `[N, stride]` from its first column on.
  private func apply(
    _ index: Int, _ kind: LinearKind, _ layer: DecoderTape.Layer, _ x: ActivationRows,
    _ tokens: Int,
    to y: UnsafeMutablePointer<Float>, stride: Int
  ) {
    guard let update = updates[index, kind], update.inputRank > 0, update.outputRank > 0 else {
      return
    }
    let projected =
      tape.projected(layer, kind, rank: update.inputRank, rows: tokens).pointer
    update.inputFactor.multiply(
      x, count: tokens, .backward, into: projected, stride: update.inputRank)
    var mixed = projected
    if let core = update.core {
      mixed = scratch.buffer(.mixed, count: tokens * update.outputRank)
      BLAS.gemm(
        transposeB: true, rows: tokens, columns: update.outputRank, inner: update.inputRank,
        projected, core.pointer, mixed)
    }
    update.outputFactor.multiply(
      activations(mixed, tokens: tokens, columns: update.outputRank, name: .roundedNarrow),
      count: tokens, .forward, into: y, stride: stride, adding: true)
  }
}

extension Block {
  var hasInputNorm: Bool { placement != .post && placement != .postSum }
  var hasOutputNorm: Bool { [.post, .postSum, .sandwich].contains(placement) }
  var isParallel: Bool {
    if case .parallel = placement { return true }
    return false
  }
}

extension Block.Product {
  /// The norm behind the product, where there is one.
  var outputNormRole: TensorRole { self == .output ? .attentionPostNorm : .feedForwardPostNorm }
}

extension LayerWeights {
  /// The norm before the feed-forward layer, which may be that of attention.
  var feedForwardNormRole: TensorRole {
    shape.placement == .parallel(sharedNorm: true) ? .attentionNorm : .feedForwardNorm
  }
}

extension DecoderTape.Layer {
  /// What is kept of a branch with a norm behind it: what that norm was given.
  func branch(_ product: Block.Product) -> (values: FloatBuffer, inverse: FloatBuffer) {
    product == .output
      ? (attentionBranch, attentionBranchInverse) : (feedForwardBranch, feedForwardBranchInverse)
  }
}
