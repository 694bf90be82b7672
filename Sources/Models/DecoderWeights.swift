public import Checkpoints
public import Faults
import LinearAlgebra
public import Tensors

/// The frozen Float32 weights of a Llama-family decoder, laid out for the kernels.
///
/// Query, key and value rows are one matrix, gate and up rows another: one product instead of three and
/// two. Legend: `d` hidden size, `F` feed-forward size, `D` head dimension, `H`/`K` query/key-value heads.
public final class DecoderWeights: Sendable {
  /// The shape of the model.
  public let configuration: DecoderConfiguration
  /// Token embeddings `[vocabulary, d]`.
  let embedding: FrozenMatrix
  /// The output head `[vocabulary, d]`; the embedding itself where they are tied.
  let head: FrozenMatrix
  /// Final norm weight `[d]`.
  let finalNorm: FloatBuffer
  let layers: [LayerWeights]

  /// One block's weights.
  struct LayerWeights: Sendable {
    /// Weight of the norm before attention, `[d]`.
    let attentionNorm: FloatBuffer
    /// `[(H + 2K)·D, d]`: query rows, then key, then value.
    let queryKeyValue: FrozenMatrix
    /// Rows of o_proj, `[d, H·D]`.
    let output: FrozenMatrix
    /// Weight of the norm before the feed-forward block, `[d]`.
    let feedForwardNorm: FloatBuffer
    /// `[2F, d]`: gate rows, then up.
    let gateUp: FrozenMatrix
    /// Rows of down_proj, `[d, F]`.
    let down: FrozenMatrix
  }

  /// Loads every weight through `matrix` and `vector`, which decode one tensor by its Hugging Face name.
  ///
  /// - Throws: what the two closures throw, and a ``Fault`` `MD-SHAPE` where a tensor's shape disagrees with
  ///   the configuration.
  public init(
    configuration: DecoderConfiguration,
    matrix: (String) throws(Fault) -> Matrix<Float>, vector: (String) throws(Fault) -> [Float],
    progress: (Int, Int) -> Void = { _, _ in }
  ) throws(Fault) {
    self.configuration = configuration
    let hidden = configuration.hiddenSize
    let vocabulary = configuration.vocabularySize
    embedding = try DecoderWeights.stacked(
      ["model.embed_tokens.weight"], rows: [vocabulary], columns: hidden, matrix)
    head =
      configuration.hasTiedEmbeddings
      ? embedding
      : try DecoderWeights.stacked(["lm_head.weight"], rows: [vocabulary], columns: hidden, matrix)
    finalNorm = try DecoderWeights.norm("model.norm.weight", size: hidden, vector)
    var layers: [LayerWeights] = []
    for layer in 0..<configuration.layerCount {
      let prefix = "model.layers.\(layer)."
      let (query, keyValue) = (configuration.queryWidth, configuration.keyValueWidth)
      let feedForward = configuration.feedForwardSize
      layers.append(
        LayerWeights(
          attentionNorm: try DecoderWeights.norm(
            prefix + "input_layernorm.weight", size: hidden, vector),
          queryKeyValue: try DecoderWeights.stacked(
            ["q", "k", "v"].map { "\(prefix)self_attn.\($0)_proj.weight" },
            rows: [query, keyValue, keyValue], columns: hidden, matrix),
          output: try DecoderWeights.stacked(
            [prefix + "self_attn.o_proj.weight"], rows: [hidden], columns: query, matrix),
          feedForwardNorm: try DecoderWeights.norm(
            prefix + "post_attention_layernorm.weight", size: hidden, vector),
          gateUp: try DecoderWeights.stacked(
            ["gate", "up"].map { "\(prefix)mlp.\($0)_proj.weight" },
            rows: [feedForward, feedForward], columns: hidden, matrix),
          down: try DecoderWeights.stacked(
            [prefix + "mlp.down_proj.weight"], rows: [hidden], columns: feedForward, matrix)))
      progress(layer + 1, configuration.layerCount)
    }
    self.layers = layers
  }

  /// Loads every weight of a base checkpoint.
  public convenience init(
    base: BaseCheckpoint, progress: (Int, Int) -> Void = { _, _ in }
  ) throws(Fault) {
    try self.init(
      configuration: base.configuration,
      matrix: { (name) throws(Fault) in try base.matrix(name) },
      vector: { (name) throws(Fault) in try base.vector(name) }, progress: progress)
  }

  private static func stacked(
    _ names: [String], rows: [Int], columns: Int, _ matrix: (String) throws(Fault) -> Matrix<Float>
  ) throws(Fault) -> FrozenMatrix {
    var parts: [Matrix<Float>] = []
    for (name, rows) in zip(names, rows) {
      let weight = try matrix(name)
      guard weight.rows == rows, weight.columns == columns else {
        throw Fault(
          .badData, "MD-SHAPE",
          "shape [\(weight.rows), \(weight.columns)], the model needs [\(rows), \(columns)]",
          tensor: name)
      }
      parts.append(weight)
    }
    return FrozenMatrix(stacking: parts)
  }

  private static func norm(
    _ name: String, size: Int, _ vector: (String) throws(Fault) -> [Float]
  ) throws(Fault) -> FloatBuffer {
    let weight = try vector(name)
    guard weight.count == size else {
      throw Fault(
        .badData, "MD-SHAPE", "\(weight.count) elements, the model needs \(size)", tensor: name)
    }
    return FloatBuffer(weight)
  }
}
