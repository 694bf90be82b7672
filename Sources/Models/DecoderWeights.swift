public import Checkpoints
public import Faults
import LinearAlgebra
import Synchronization
public import Tensors

/// The frozen Float32 weights of a decoder or encoder, laid out for the kernels.
///
/// Query, key and value rows are one matrix, gate and up rows another: one product instead of three and
/// two, whether the file has them apart or together. Legend: `d` hidden size, `F` feed-forward size, `D` head dimension, `H`/`K` query/key-value heads.
public final class DecoderWeights: Sendable {
  /// The shape of the model.
  public let configuration: DecoderConfiguration
  /// What every block computes.
  let shapes: [Block]
  private let vocabulary: Vocabulary
  /// Where matrices can be read again; nil where they cannot.
  let source: RowSource?
  /// RoPE's angles, one entry for blocks that turn alike.
  let rotary: [RotaryFrequencies]
  /// Which of ``rotary`` a block's heads turn by; nil for none.
  let rotaryOfLayer: [Int?]

  /// What lies outside the blocks.
  struct Vocabulary: Sendable {
    var embedding: EmbeddingTable?
    var patches: PatchEmbedding?
    var head: FrozenMatrix?
    var headBias: FloatBuffer?
    var positions: FrozenMatrix?
    var distances: FloatBuffer?
    var tokenTypes: FrozenMatrix?
    var embeddingNorm: NormWeights?
    var finalNorm: NormWeights?
    var classes: ClassLayers?
  }

  /// Token embeddings `[vocabulary, d]`; nil where images are read.
  var embedding: EmbeddingTable? { vocabulary.embedding }
  /// What makes states of images; nil where tokens are read.
  var patches: PatchEmbedding? { vocabulary.patches }
  /// The output head `[vocabulary, d]`; the embedding itself where they are tied, nil where answers are no tokens.
  var head: FrozenMatrix? { vocabulary.head }
  /// Added to logits `[vocabulary]`.
  var headBias: FloatBuffer? { vocabulary.headBias }
  /// Learned positions `[offset + context, d]`.
  var positions: FrozenMatrix? { vocabulary.positions }
  /// Embeddings of distances, normed `[2·span, d]`.
  var distances: FloatBuffer? { vocabulary.distances }
  /// What is added to the embeddings by the kind of text `[types, d]`.
  var tokenTypes: FrozenMatrix? { vocabulary.tokenTypes }
  /// The norm behind the embeddings.
  var embeddingNorm: NormWeights? { vocabulary.embeddingNorm }
  /// The norm before the head.
  var finalNorm: NormWeights? { vocabulary.finalNorm }
  /// The head for classes.
  public var classes: ClassLayers? { vocabulary.classes }
  let blocks: Mutex<Blocks>
  /// What passes there and back may keep of batches where blocks are decoded for them; nil for any.
  let passByteCount: Int?

  /// Where the blocks are.
  enum Blocks: Sendable {
    /// In memory, for products in either precision; where there is a stream they can be decoded again.
    case held([LayerWeights], LayerStream?)
    /// In memory for products in bfloat16 alone; for others they are decoded.
    case rounded([LayerWeights], LayerStream)
    /// On disk.
    case streamed(LayerStream)
  }

  /// Loads every weight through `matrix` and `vector`, which decode one tensor by its Hugging Face name.
  ///
  /// - Parameter source: Decodes a matrix again, on any thread: with it blocks need not stay in Float32 (``hold(_:threads:)``).
  /// - Throws: what the two closures throw, `MD-SHAPE` where a tensor's shape disagrees with the configuration,
  ///   69 `MD-ROPE` where the model's angles are not known.
  public convenience init(
    configuration: DecoderConfiguration,
    matrix: (String) throws(Fault) -> Matrix<Float>, vector: (String) throws(Fault) -> [Float],
    source: (@Sendable (String) throws(Fault) -> Matrix<Float>)? = nil,
    progress: (Int, Int) -> Void = { _, _ in }
  ) throws(Fault) {
    try self.init(
      configuration,
      rows: { (name, rows, columns, take) throws(Fault) in
        try take(0, try DecoderWeights.checked(name, rows: rows, columns: columns, matrix))
      }, vector: vector, source: source.map { RowSource($0) }, progress: progress)
  }

  /// Loads every weight of a base checkpoint.
  public convenience init(
    base: BaseCheckpoint, progress: (Int, Int) -> Void = { _, _ in }
  ) throws(Fault) {
    let source = RowSource(base)
    try self.init(
      base.configuration, rows: source.read,
      vector: { (name) throws(Fault) in try base.values(name) }, source: source,
      progress: progress)
  }

  private init(
    _ configuration: DecoderConfiguration, rows: RowReading,
    vector: (String) throws(Fault) -> [Float], source: RowSource?,
    progress: (Int, Int) -> Void
  ) throws(Fault) {
    self.configuration = configuration
    self.source = source
    passByteCount = nil
    shapes = configuration.blocks
    (rotary, rotaryOfLayer) = try DecoderWeights.rotary(shapes)
    vocabulary = try DecoderWeights.vocabulary(
      configuration, rows, vector, source: source, holdsEmbedding: true)
    var layers: [LayerWeights] = []
    for (layer, shape) in shapes.enumerated() {
      var matrices: [FrozenMatrix] = []
      for product in shape.products {
        matrices.append(try product.load(layer, configuration, rows))
      }
      layers.append(
        LayerWeights(
          shape: shape, vectors: try DecoderWeights.vectors(layer, shape, configuration, vector),
          matrices: matrices))
      progress(layer + 1, configuration.layerCount)
    }
    let vectors = layers.map(\.vectors)
    let stream = source.map { LayerStream(configuration, vectors: vectors, source: $0) }
    blocks = Mutex(.held(layers, stream))
  }

  /// Holds the head, the norms and the biases of a base checkpoint, and the embeddings where rows of them cannot be read.
  ///
  /// Its blocks stay on disk and are decoded at every pass, one at a time. Results are the same to the bit.
  ///
  /// - Parameter passByteCount: What passes there and back may keep of batches; nil for any.
  public convenience init(
    streaming base: BaseCheckpoint, passByteCount: Int? = nil
  ) throws(Fault) {
    try self.init(
      streaming: base.configuration, RowSource(base),
      { (name) throws(Fault) in try base.values(name) }, passByteCount)
  }

  /// The same of a model whose tensors `matrix` and `vector` decode by their Hugging Face names, `matrix` again and again.
  public convenience init(
    streaming configuration: DecoderConfiguration,
    matrix: @escaping @Sendable (String) throws(Fault) -> Matrix<Float>,
    vector: (String) throws(Fault) -> [Float], passByteCount: Int? = nil
  ) throws(Fault) {
    try self.init(streaming: configuration, RowSource(matrix), vector, passByteCount)
  }

  private init(
    streaming configuration: DecoderConfiguration, _ source: RowSource,
    _ vector: (String) throws(Fault) -> [Float], _ passByteCount: Int?
  ) throws(Fault) {
    self.configuration = configuration
    self.source = source
    self.passByteCount = passByteCount
    shapes = configuration.blocks
    (rotary, rotaryOfLayer) = try DecoderWeights.rotary(shapes)
    vocabulary = try DecoderWeights.vocabulary(
      configuration, source.read, vector, source: source, holdsEmbedding: false)
    var vectors: [LayerWeights.Vectors] = []
    for (layer, shape) in shapes.enumerated() {
      vectors.append(try DecoderWeights.vectors(layer, shape, configuration, vector))
    }
    blocks = Mutex(.streamed(LayerStream(configuration, vectors: vectors, source: source)))
  }

  /// Bytes of all weights of a base in Float32.
  public static func byteCount(held base: BaseCheckpoint) -> Int {
    base.tensors.reduce(0) { $0 + $1.shape.reduce(1, *) } * MemoryLayout<Float>.size
  }

  /// Bytes that ``init(streaming:)`` holds, and a block in use.
  public static func byteCount(streaming base: BaseCheckpoint) -> Int {
    let shape = base.configuration
    var matrices = shape.hasLanguageHead ? 1 : 0
    if !(shape.hasTiedEmbeddings && shape.hasLanguageHead), !readsEmbeddings(of: base) {
      matrices += 1
    }
    return matrices * shape.vocabularySize * shape.hiddenSize * MemoryLayout<Float>.size
      + LayerStream.byteCount(shape)
  }

  /// Whether the file gives rows of a base's embeddings without the others.
  public static func readsEmbeddings(of base: BaseCheckpoint) -> Bool {
    let rows = try? base.rows(0..<1, of: base.configuration.embeddingName)
    return rows?.isEmpty == false
  }

  /// The frequencies of all rotations there are, and which of them every block has.
  private static func rotary(
    _ shapes: [Block]
  ) throws(Fault) -> (frequencies: [RotaryFrequencies], ofLayer: [Int?]) {
    var kinds: [Rotary] = []
    var ofLayer: [Int?] = []
    for shape in shapes {
      guard let rotary = shape.attention.rotary else {
        ofLayer.append(nil)
        continue
      }
      if !kinds.contains(rotary) { kinds.append(rotary) }
      ofLayer.append(kinds.firstIndex(of: rotary))
    }
    var frequencies: [RotaryFrequencies] = []
    for kind in kinds { frequencies.append(try RotaryFrequencies(kind)) }
    return (frequencies, ofLayer)
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
    _ layer: Int, _ shape: Block, _ configuration: DecoderConfiguration,
    _ vector: (String) throws(Fault) -> [Float]
  ) throws(Fault) -> LayerWeights.Vectors {
    let names = configuration.names
    var biases: [Block.Product: FloatBuffer] = [:]
    for product in shape.products {
      let modules = product.modules(layer, configuration)
      guard modules.contains(where: { configuration.biases.contains($0.kind) }) else { continue }
      var values: [Float] = []
      for module in modules {
        values +=
          configuration.biases.contains(module.kind)
          ? try checked(module.biasName, size: module.outFeatures, vector)
          : [Float](repeating: 0, count: module.outFeatures)
      }
      biases[product] = FloatBuffer(values)
    }
    var norms: [TensorRole: NormWeights] = [:]
    for part in shape.norms(hiddenSize: configuration.hiddenSize) {
      norms[part.role] = try norm(
        names.modules(part.role, layer: layer, heads: part.heads), shape.norm(part.role),
        size: part.size, vector)
    }
    return LayerWeights.Vectors(norms: norms, biases: biases)
  }

  /// A norm, or one behind the other those of several heads.
  static func norm(
    _ modules: [String], _ shape: Norm, size: Int, _ vector: (String) throws(Fault) -> [Float]
  ) throws(Fault) -> NormWeights {
    func values(_ suffix: String) throws(Fault) -> [Float] {
      var values: [Float] = []
      for module in modules { values += try checked(module + suffix, size: size, vector) }
      return values
    }
    return NormWeights(
      shape, weight: try values(".weight"), bias: shape.hasBias ? try values(".bias") : nil)
  }

  /// A vector of the size that the model needs.
  static func checked(
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
