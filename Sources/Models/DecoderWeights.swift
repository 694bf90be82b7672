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
  /// RoPE's angles.
  let rotary: RotaryFrequencies
  private let blocks: Blocks

  private enum Blocks: Sendable {
    case held([LayerWeights])
    case streamed(LayerStream)
  }

  /// A block for a pass that multiplies in the given orders and precision; read from disk where blocks are
  /// streamed.
  ///
  /// - Throws: what decoding throws, for streamed blocks alone.
  func layer(
    _ index: Int, _ orders: Set<FrozenMatrix.Order>, _ precision: ProductPrecision
  ) throws(Fault) -> LayerWeights {
    switch blocks {
    case .held(let layers): layers[index]
    case .streamed(let stream):
      try stream.layer(LayerWeights.Use(layer: index, orders: orders, precision: precision))
    }
  }

  /// Loads every weight through `matrix` and `vector`, which decode one tensor by its Hugging Face name.
  ///
  /// - Throws: what the two closures throw, `MD-SHAPE` where a tensor's shape disagrees with the configuration,
  ///   69 `MD-ROPE` where the model's angles are not known.
  public init(
    configuration: DecoderConfiguration,
    matrix: (String) throws(Fault) -> Matrix<Float>, vector: (String) throws(Fault) -> [Float],
    progress: (Int, Int) -> Void = { _, _ in }
  ) throws(Fault) {
    self.configuration = configuration
    rotary = try RotaryFrequencies(configuration)
    (embedding, head) = try DecoderWeights.vocabulary(configuration, matrix)
    finalNorm = try DecoderWeights.norm(
      "model.norm.weight", size: configuration.hiddenSize, vector)
    var layers: [LayerWeights] = []
    for layer in 0..<configuration.layerCount {
      var parts: [FrozenMatrix] = []
      for part in LayerWeights.Part.allCases {
        parts.append(try part.load(layer, configuration, matrix))
      }
      layers.append(
        LayerWeights(
          vectors: try DecoderWeights.vectors(layer, configuration, vector), parts: parts))
      progress(layer + 1, configuration.layerCount)
    }
    blocks = .held(layers)
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

  /// Holds the embeddings, the head, the norms and the biases of a base checkpoint.
  ///
  /// Its blocks stay on disk and are decoded at every pass, one at a time. Results are the same to the bit.
  public init(streaming base: BaseCheckpoint) throws(Fault) {
    configuration = base.configuration
    rotary = try RotaryFrequencies(configuration)
    let vector = { (name: String) throws(Fault) in try base.vector(name) }
    (embedding, head) = try DecoderWeights.vocabulary(configuration) { (name) throws(Fault) in
      try base.matrix(name)
    }
    finalNorm = try DecoderWeights.norm(
      "model.norm.weight", size: configuration.hiddenSize, vector)
    var vectors: [LayerWeights.Vectors] = []
    for layer in 0..<configuration.layerCount {
      vectors.append(try DecoderWeights.vectors(layer, configuration, vector))
    }
    blocks = .streamed(LayerStream(base: base, vectors: vectors))
  }

  /// Lets go of what only backward passes in Float32 use; it is made again when one comes.
  public func dropFloatBackward() {
    head.drop(.backward)
    guard case .held(let layers) = blocks else { return }
    for layer in layers {
      for matrix in [layer.queryKeyValue, layer.output, layer.gateUp, layer.down] {
        matrix.drop(.backward)
      }
    }
  }

  /// Bytes of all weights of a base in Float32.
  public static func byteCount(held base: BaseCheckpoint) -> Int {
    base.tensors.reduce(0) { $0 + $1.shape.reduce(1, *) } * MemoryLayout<Float>.size
  }

  /// Bytes that ``init(streaming:)`` holds, and a block in use.
  public static func byteCount(streaming base: BaseCheckpoint) -> Int {
    let shape = base.configuration
    // The head in both orders, and embeddings of their own.
    let matrices = shape.hasTiedEmbeddings ? 2 : 3
    return matrices * shape.vocabularySize * shape.hiddenSize * MemoryLayout<Float>.size
      + LayerStream.byteCount(shape)
  }

  /// Token embeddings and head, which may be one.
  private static func vocabulary(
    _ configuration: DecoderConfiguration, _ matrix: (String) throws(Fault) -> Matrix<Float>
  ) throws(Fault) -> (FrozenMatrix, FrozenMatrix) {
    func load(_ name: String) throws(Fault) -> FrozenMatrix {
      let (rows, columns) = (configuration.vocabularySize, configuration.hiddenSize)
      return try FrozenMatrix(rows: [rows], columns: columns) { (_) throws(Fault) in
        try checked(name, rows: rows, columns: columns, matrix)
      }
    }
    let embedding = try load("model.embed_tokens.weight")
    return (
      embedding, configuration.hasTiedEmbeddings ? embedding : try load("lm_head.weight")
    )
  }

  /// A matrix of the shape that the model needs.
  static func checked(
    _ name: String, rows: Int, columns: Int, _ matrix: (String) throws(Fault) -> Matrix<Float>
  ) throws(Fault) -> Matrix<Float> {
    let weight = try matrix(name)
    guard weight.rows == rows, weight.columns == columns else {
      throw Fault(
        .badData, "MD-SHAPE",
        "shape [\(weight.rows), \(weight.columns)], the model needs [\(rows), \(columns)]",
        tensor: name)
    }
    return weight
  }

  private static func vectors(
    _ layer: Int, _ configuration: DecoderConfiguration,
    _ vector: (String) throws(Fault) -> [Float]
  ) throws(Fault) -> LayerWeights.Vectors {
    let (prefix, size) = ("model.layers.\(layer).", configuration.hiddenSize)
    var biases: [LayerWeights.Part: FloatBuffer] = [:]
    for part in LayerWeights.Part.allCases {
      let modules = part.modules(layer, configuration)
      guard modules.contains(where: { configuration.biases.contains($0.kind) }) else { continue }
      var values: [Float] = []
      for module in modules {
        values +=
          configuration.biases.contains(module.kind)
          ? try checked(module.biasName, size: module.outFeatures, vector)
          : [Float](repeating: 0, count: module.outFeatures)
      }
      biases[part] = FloatBuffer(values)
    }
    return LayerWeights.Vectors(
      attentionNorm: try norm(prefix + "input_layernorm.weight", size: size, vector),
      feedForwardNorm: try norm(prefix + "post_attention_layernorm.weight", size: size, vector),
      biases: biases)
  }

  private static func norm(
    _ name: String, size: Int, _ vector: (String) throws(Fault) -> [Float]
  ) throws(Fault) -> FloatBuffer {
    FloatBuffer(try checked(name, size: size, vector))
  }

  /// A vector of the size that the model needs.
  private static func checked(
    _ name: String, size: Int, _ vector: (String) throws(Fault) -> [Float]
  ) throws(Fault) -> [Float] {
    let values = try vector(name)
    guard values.count == size else {
      throw Fault(
        .badData, "MD-SHAPE", "\(values.count) elements, the model needs \(size)", tensor: name)
    }
    return values
  }
}
