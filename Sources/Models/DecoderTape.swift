import Checkpoints

/// What a forward pass keeps for the backward pass, in buffers that live as long as the decoder and only
/// grow: a step allocates nothing, and no page is touched for the first time twice.
///
/// Legend: `N` tokens, `d` hidden size, `F` feed-forward size, `D` head dimension, `H`/`K` heads.
final class DecoderTape {
  /// One block's activations.
  final class Layer {
    /// Residual stream entering the block `[N, d]`.
    let input: FloatBuffer
    /// Normed input of q, k, v `[N, d]`.
    let attentionInput: FloatBuffer
    let attentionInverse: FloatBuffer
    /// Rotated queries and keys, and values `[N, (H+2K)·D]`.
    let queryKeyValue: FloatBuffer
    /// Attention probabilities, `[H, L, L]` per sequence.
    var probabilities: FloatBuffer
    /// Attention output, the input of o_proj `[N, H·D]`.
    let attentionOutput: FloatBuffer
    /// Residual stream after attention `[N, d]`.
    let middle: FloatBuffer
    /// Normed input of gate and up `[N, d]`.
    let feedForwardInput: FloatBuffer
    let feedForwardInverse: FloatBuffer
    /// Gate and up projections, `[N, 2F]`.
    let gateUp: FloatBuffer
    /// Input of down_proj `[N, F]`.
    let activation: FloatBuffer
    /// `x·I` of every module with an update `[N, inputRank]`.
    var projected: [LinearKind: FloatBuffer] = [:]

    init(tokens: Int, probabilities: Int, configuration: DecoderConfiguration) {
      let hidden = configuration.hiddenSize
      let feedForward = configuration.feedForwardSize
      let qkv = configuration.queryWidth + 2 * configuration.keyValueWidth
      input = FloatBuffer(count: tokens * hidden)
      attentionInput = FloatBuffer(count: tokens * hidden)
      attentionInverse = FloatBuffer(count: tokens)
      queryKeyValue = FloatBuffer(count: tokens * qkv)
      self.probabilities = FloatBuffer(count: probabilities)
      attentionOutput = FloatBuffer(count: tokens * configuration.queryWidth)
      middle = FloatBuffer(count: tokens * hidden)
      feedForwardInput = FloatBuffer(count: tokens * hidden)
      feedForwardInverse = FloatBuffer(count: tokens)
      gateUp = FloatBuffer(count: tokens * 2 * feedForward)
      activation = FloatBuffer(count: tokens * feedForward)
    }
  }

  private let configuration: DecoderConfiguration
  private var tokenCapacity = 0
  private var probabilityCapacity = 0
  private var layers: [Layer] = []
  /// Inputs of blocks that keep nothing else.
  private var inputs: [FloatBuffer] = []
  /// Residual stream after the last block `[N, d]`.
  private(set) var output = FloatBuffer(count: 0)

  init(configuration: DecoderConfiguration) {
    self.configuration = configuration
  }

  /// Makes room for a batch; `recording` keeps all of every block, else all blocks share one.
  func prepare(tokens: Int, probabilities: Int, recording: Bool) {
    let wanted = recording ? configuration.layerCount : 1
    if tokens > tokenCapacity || probabilities > probabilityCapacity {
      // Room for a quarter more, so that slightly longer batches do not start over.
      tokenCapacity = max(tokenCapacity, tokens + tokens / 4)
      probabilityCapacity = max(probabilityCapacity, probabilities + probabilities / 4)
      layers = []
      output = FloatBuffer(count: tokenCapacity * configuration.hiddenSize)
    }
    while layers.count < wanted {
      layers.append(
        Layer(
          tokens: tokenCapacity, probabilities: probabilityCapacity, configuration: configuration))
    }
  }

  /// Keeps the input of block `index` `[tokens, d]` alone, for a backward pass that runs the block again.
  func keepInput(_ index: Int, of layer: Layer, tokens: Int) {
    let count = tokens * configuration.hiddenSize
    while inputs.count <= index { inputs.append(FloatBuffer(count: 0)) }
    if inputs[index].count < count {
      inputs[index] = FloatBuffer(count: tokenCapacity * configuration.hiddenSize)
    }
    inputs[index].pointer.update(from: layer.input.pointer, count: count)
  }

  /// Puts a kept input back.
  func restoreInput(_ index: Int, to layer: Layer, tokens: Int) {
    layer.input.pointer.update(
      from: inputs[index].pointer, count: tokens * configuration.hiddenSize)
  }

  /// The buffers of block `index`.
  func layer(_ index: Int, recording: Bool) -> Layer { layers[recording ? index : 0] }

  /// The buffer for `x·I` of one module.
  func projected(_ layer: Layer, _ kind: LinearKind, rank: Int) -> FloatBuffer {
    if let buffer = layer.projected[kind], buffer.count >= tokenCapacity * rank { return buffer }
    let buffer = FloatBuffer(count: tokenCapacity * rank)
    layer.projected[kind] = buffer
    return buffer
  }
}
