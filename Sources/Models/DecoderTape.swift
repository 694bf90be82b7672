import Checkpoints

/// What a forward pass keeps for the backward pass, in buffers that live as long as the decoder and only
/// grow: a step allocates nothing, and no page is touched for the first time twice.
///
/// Legend: `N` tokens, `d` hidden size, `F` feed-forward size, `D` head dimension, `H`/`K` heads, `E` experts of which a token
/// goes to `k`.
final class DecoderTape {
  /// One block's activations.
  final class Layer {
    /// Tokens that there is room for.
    let tokens: Int
    /// Embeddings of distances behind them, in ``attentionInput``, ``queryKeyValue`` and ``projected``.
    let distances: Int
    /// Residual stream entering the block `[N, d]`.
    let input: FloatBuffer
    /// Input of q, k, v `[N, d]`: normed, or ``input`` itself.
    let attentionInput: FloatBuffer
    let attentionInverse: FloatBuffer
    /// Queries and keys before their norm, where there is one, in rows as those of ``queryKeyValue``.
    let rawQueryKeyValue: FloatBuffer
    let headInverse: FloatBuffer
    /// Rotated queries and keys, and values `[N, (H+2K)·D]`.
    let queryKeyValue: FloatBuffer
    /// Attention probabilities, `[H, L, L]` per sequence.
    var probabilities: FloatBuffer
    /// Attention output, the input of the output projection `[N, H·D]`.
    let attentionOutput: FloatBuffer
    /// What attention adds to the residual stream, before its norm, where there is one `[N, d]`.
    let attentionBranch: FloatBuffer
    let attentionBranchInverse: FloatBuffer
    /// Residual stream after attention `[N, d]`.
    let middle: FloatBuffer
    /// Input of gate and up `[N, d]`: normed, or ``middle`` itself.
    let feedForwardInput: FloatBuffer
    let feedForwardInverse: FloatBuffer
    /// Gate and up projections, `[N, 2F]`, or up alone.
    let gateUp: FloatBuffer
    /// Input of down `[N, F]`.
    let activation: FloatBuffer
    /// Weights of all experts, chosen or not, and that of the shared one `[N, E or E+1]`.
    let routes: FloatBuffer
    /// Gate and up projections of experts, one after another with the rows of its tokens `[N·k, 2F]`.
    let expertGateUp: FloatBuffer
    /// What the feed-forward layer adds, before its norm, where there is one `[N, d]`.
    let feedForwardBranch: FloatBuffer
    let feedForwardBranchInverse: FloatBuffer
    /// `x·I` of every module with an update `[N, inputRank]`.
    var projected: [LinearKind: FloatBuffer] = [:]

    /// - Parameters:
    ///   - own: What there is room for where a buffer is the block's own.
    ///   - shared: The same where it may be borrowed.
    ///   - lender: A block whose buffers are used here too for what is not kept: what can be computed again at once from what
    ///     is.
    ///   - keepsInputs: Whether attention's output is kept.
    init(
      tokens: Int, distances: Int, probabilities: Int, block: Block, hiddenSize hidden: Int,
      own: Sizes, shared: Sizes, lender: Layer? = nil, keepsInputs: Bool = true
    ) {
      self.tokens = tokens
      self.distances = distances
      let attention = block.attention
      func buffer(_ columns: Int, if isNeeded: Bool = true, more: Int = 0) -> FloatBuffer {
        FloatBuffer(count: isNeeded ? (tokens + more) * columns : 0)
      }
      let (hasInputNorm, hasOutputNorm) = (block.hasInputNorm, block.hasOutputNorm)
      input = buffer(hidden, more: hasInputNorm ? 0 : distances)
      middle = buffer(hidden)
      attentionInput =
        hasInputNorm ? lender?.attentionInput ?? buffer(hidden, more: distances) : input
      feedForwardInput = hasInputNorm ? lender?.feedForwardInput ?? buffer(hidden) : middle
      attentionInverse = buffer(1, if: hasInputNorm)
      feedForwardInverse = buffer(1, if: hasInputNorm)
      let hasHeadNorm = attention.headNorm != nil
      rawQueryKeyValue = buffer(attention.columns.width, if: hasHeadNorm)
      headInverse = buffer(HeadNorm.partCount(attention), if: hasHeadNorm)
      queryKeyValue = buffer(attention.columns.width, more: distances)
      self.probabilities = FloatBuffer(count: probabilities)
      attentionOutput =
        (keepsInputs ? nil : lender?.attentionOutput) ?? buffer(attention.queryWidth)
      attentionBranch = buffer(hidden, if: hasOutputNorm)
      attentionBranchInverse = buffer(1, if: hasOutputNorm)
      gateUp = buffer(own.gateUp)
      activation = lender?.activation ?? buffer(shared.activation)
      routes = buffer(own.routes)
      expertGateUp = buffer(own.expertGateUp)
      feedForwardBranch = buffer(hidden, if: hasOutputNorm)
      feedForwardBranchInverse = buffer(1, if: hasOutputNorm)
    }

    /// All of them, some more than once.
    var buffers: [FloatBuffer] {
      [
        input, attentionInput, attentionInverse, rawQueryKeyValue, headInverse, queryKeyValue,
        probabilities, attentionOutput, attentionBranch, attentionBranchInverse, middle,
        feedForwardInput, feedForwardInverse, gateUp, activation, routes, expertGateUp,
        feedForwardBranch, feedForwardBranchInverse,
      ] + projected.values
    }
  }

  /// Layers of one size, made anew where a batch is larger.
  private struct Room {
    var tokens = 0
    var distances = 0
    var probabilities = 0
    var keepsInputs = false
    var layers: [Layer] = []
  }

  private let blocks: [Block]
  private let largest: Sizes
  private let hiddenSize: Int
  /// The most tokens of a batch to come that is recorded, where it is known.
  var expectedTokens = 0
  /// All blocks, for batches whose activations are kept.
  private var recorded = Room()
  /// One for all, for other batches: they may be larger.
  private var passing = Room()
  /// Inputs of blocks that keep nothing else.
  private var inputs: [FloatBuffer] = []
  /// Residual stream after the last block `[N, d]`.
  private(set) var output = FloatBuffer(count: 0)

  /// A tape for blocks that are alike but for ``Sizes``.
  init(blocks: [Block], hiddenSize: Int) {
    self.blocks = blocks
    largest = Sizes(largestOf: blocks)
    self.hiddenSize = hiddenSize
  }

  /// Makes room for a batch; `recording` keeps what every block computes, else all blocks share one.
  ///
  /// What norms and the activation give is not kept: ``Decoder/restoreInputs(_:_:tokens:)``.
  ///
  /// - Parameters:
  ///   - distances: Embeddings of distances behind the tokens.
  ///   - inputs: Keeps attention's output, which gradients of cores do without.
  func prepare(
    tokens: Int, distances: Int, probabilities: Int, recording: Bool, inputs: Bool
  ) {
    if recording {
      if inputs, !recorded.keepsInputs { recorded = Room(keepsInputs: true) }
      prepare(&recorded, blocks.count, tokens, distances, probabilities)
    } else {
      prepare(&passing, 1, tokens, distances, probabilities)
    }
    let count = max(recorded.tokens, passing.tokens) * hiddenSize
    if output.count < count { output = FloatBuffer(count: count) }
  }

  private func prepare(
    _ room: inout Room, _ count: Int, _ tokens: Int, _ distances: Int, _ probabilities: Int
  ) {
    if tokens > room.tokens || distances > room.distances || probabilities > room.probabilities {
      // Room for some more, so that slightly longer batches do not start over.
      let wanted = tokens <= expectedTokens ? expectedTokens : DecoderTape.roomy(tokens)
      room.tokens = max(room.tokens, wanted)
      room.distances = max(room.distances, DecoderTape.roomy(distances))
      room.probabilities = max(room.probabilities, DecoderTape.roomy(probabilities))
      room.layers = []
    }
    while room.layers.count < count {
      room.layers.append(
        Layer(
          tokens: room.tokens, distances: room.distances, probabilities: room.probabilities,
          block: blocks[room.layers.count], hiddenSize: hiddenSize,
          // A single one is for all blocks.
          own: count == 1 ? largest : Sizes(blocks[room.layers.count]), shared: largest,
          lender: room.layers.first, keepsInputs: room.keepsInputs))
    }
  }

  /// What is made room for where `count` is needed.
  static func roomy(_ count: Int) -> Int { count + count / 8 }

  /// Numbers of a token that a block keeps, but for attention's probabilities and updates' own activations, and those in buffers
  /// that all blocks share.
  static func numbers(
    _ block: Block, hiddenSize hidden: Int, keepsInputs: Bool
  ) -> (kept: Int, shared: Int) {
    let (attention, feedForward) = (block.attention, block.feedForward)
    var kept = 2 * hidden + attention.columns.width + feedForward.wide
    if attention.headNorm != nil { kept += attention.columns.width }
    if block.hasOutputNorm { kept += 2 * hidden }
    var shared = (block.hasInputNorm ? 2 * hidden : 0) + feedForward.size
    if let experts = block.experts {
      kept += block.routeCount + experts.used * experts.feedForward.wide
      // The rows of one expert, which may be those of all tokens: what it is given, its activations and what it gives.
      shared += 2 * hidden + experts.feedForward.size
    }
    return keepsInputs
      ? (kept + attention.queryWidth, shared) : (kept, shared + attention.queryWidth)
  }

  /// Bytes of all buffers.
  var byteCount: Int {
    let layers = (recorded.layers + passing.layers).flatMap(\.buffers)
    // What is borrowed is counted once.
    let buffers = Dictionary(
      (layers + inputs + [output]).map { (ObjectIdentifier($0), $0.count) }, uniquingKeysWith: max)
    return buffers.values.reduce(0, +) * MemoryLayout<Float>.size
  }

  /// Keeps the input of block `index` `[tokens, d]` alone, for a backward pass that runs the block again.
  func keepInput(_ index: Int, of layer: Layer, tokens: Int) {
    let count = tokens * hiddenSize
    while inputs.count <= index { inputs.append(FloatBuffer(count: 0)) }
    if inputs[index].count < count {
      inputs[index] = FloatBuffer(count: layer.tokens * hiddenSize)
    }
    inputs[index].pointer.update(from: layer.input.pointer, count: count)
  }

  /// Puts a kept input back.
  func restoreInput(_ index: Int, to layer: Layer, tokens: Int) {
    layer.input.pointer.update(
      from: inputs[index].pointer, count: tokens * hiddenSize)
  }

  /// The buffers of block `index`.
  func layer(_ index: Int, recording: Bool) -> Layer {
    recording ? recorded.layers[index] : passing.layers[0]
  }

  /// The buffer for `x·I` of one module, of as many rows as there may be; of an expert of `rows` or some more.
  func projected(_ layer: Layer, _ kind: LinearKind, rank: Int, rows: Int) -> FloatBuffer {
    let most = layer.tokens + layer.distances
    var wanted = most
    if case .expert = kind { wanted = min(most, rows) }
    if let buffer = layer.projected[kind], buffer.count >= wanted * rank { return buffer }
    if wanted < most { wanted = min(most, DecoderTape.roomy(wanted)) }
    let buffer = FloatBuffer(count: wanted * rank)
    layer.projected[kind] = buffer
    return buffer
  }
}

extension Block {
  /// Numbers of a token that say which experts it goes to.
  var routeCount: Int { experts.map { $0.count + (feedForward.size > 0 ? 1 : 0) } ?? 0 }
}
