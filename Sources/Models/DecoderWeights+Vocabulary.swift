import Checkpoints
import Faults
import LinearAlgebra
import Tensors

/// What lies outside the blocks, from a model's tensors.
extension DecoderWeights {
  /// Token embeddings and head, which may be one, and what else lies outside the blocks.
  ///
  /// - Parameters:
  ///   - source: Where all of it can be read again.
  ///   - holdsEmbedding: Whether embeddings are held although rows of them can be read.
  static func vocabulary(
    _ configuration: DecoderConfiguration, _ read: RowReading,
    _ vector: (String) throws(Fault) -> [Float], source: RowSource?, holdsEmbedding: Bool
  ) throws(Fault) -> Vocabulary {
    let (hidden, names) = (configuration.hiddenSize, configuration.names)
    func load(_ name: String, rows: Int, multiplies: Bool) throws(Fault) -> FrozenMatrix {
      try FrozenMatrix(
        rows: rows, columns: hidden, laidOutFor: multiplies ? [.forward] : [], in: .float32
      ) { (filling) throws(Fault) in
        try read(name, rows, hidden) { (first, rows) throws(Fault) in filling.place(first, rows) }
      }
    }
    let (size, isTied) = (configuration.vocabularySize, configuration.hasTiedEmbeddings)
    var vocabulary = Vocabulary()
    if let image = configuration.imageShape {
      vocabulary.patches = try patches(image, configuration, vector)
    } else {
      let name = configuration.embeddingName
      let isHead = isTied && configuration.hasLanguageHead
      vocabulary.embedding = try EmbeddingTable(
        name, source: source, isNeeded: holdsEmbedding || isHead
      ) { () throws(Fault) in try load(name, rows: size, multiplies: isHead) }
    }
    if configuration.hasLanguageHead {
      vocabulary.head =
        isTied
        ? vocabulary.embedding?.matrix
        : try load(configuration.headName, rows: size, multiplies: true)
      if configuration.headHasBias, let name = names.module(.head) {
        vocabulary.headBias = FloatBuffer(try checked(name + ".bias", size: size, vector))
      }
    }
    if let name = names.module(.positions) {
      vocabulary.positions = try load(
        name + ".weight", rows: configuration.positionOffset + configuration.contextLength,
        multiplies: false)
    }
    if let name = names.module(.tokenTypes) {
      vocabulary.tokenTypes = try load(
        name + ".weight", rows: configuration.tokenTypeCount, multiplies: false)
    }
    func norm(_ role: TensorRole) throws(Fault) -> NormWeights? {
      guard let name = names.module(role) else { return nil }
      return try self.norm([name], configuration.finalNorm, size: hidden, vector)
    }
    if let relative = configuration.relativePositions, let norm = try norm(.relativeNorm),
      let name = names.module(.relativePositions)
    {
      vocabulary.distances = try distances(name + ".weight", relative, norm, read)
    }
    vocabulary.embeddingNorm = try norm(.embeddingNorm)
    vocabulary.finalNorm = try norm(.finalNorm)
    if let classHead = configuration.classHead {
      func values(_ role: TensorRole, _ suffix: String, _ count: Int) throws(Fault) -> [Float] {
        let name = (names.module(role) ?? "") + suffix
        guard suffix == ".weight" else { return try checked(name, size: count, vector) }
        var values: [Float] = []
        try read(name, count, hidden) { (_, rows) throws(Fault) in values += rows.elements }
        return values
      }
      let form = classHead.form
      vocabulary.classes = ClassLayers(
        classHead, hiddenSize: hidden, weight: try values(.classes, ".weight", classHead.count),
        bias: form.hasBias ? try values(.classes, ".bias", classHead.count) : nil,
        dense: form.dense == nil
          ? nil
          : (
            weight: try values(.pooler, ".weight", hidden),
            bias: try values(.pooler, ".bias", hidden)
          )
      )
    }
    return vocabulary
  }

  /// What makes states of images.
  private static func patches(
    _ image: ImageShape, _ configuration: DecoderConfiguration,
    _ vector: (String) throws(Fault) -> [Float]
  ) throws(Fault) -> PatchEmbedding {
    let (names, hidden) = (configuration.names, configuration.hiddenSize)
    func values(_ role: TensorRole, _ size: Int, _ suffix: String = "") throws(Fault) -> [Float] {
      try checked((names.module(role) ?? "") + suffix, size: size, vector)
    }
    return PatchEmbedding(
      image, projection: try values(.patches, hidden * image.patchSize, ".weight"),
      bias: try values(.patches, hidden, ".bias"), classToken: try values(.classToken, hidden),
      positions: try values(.patchPositions, (image.patchCount + 1) * hidden))
  }

  /// The table of distances behind its norm, the same for every pass.
  private static func distances(
    _ name: String, _ relative: RelativePositions, _ norm: NormWeights, _ read: RowReading
  ) throws(Fault) -> FloatBuffer {
    let table = FloatBuffer(count: relative.rowCount * norm.size)
    try read(name, relative.rowCount, norm.size) { (first, rows) throws(Fault) in
      table.copy(rows.elements, at: first * norm.size)
    }
    let inverse = FloatBuffer(count: relative.rowCount)
    withExtendedLifetime(inverse) {
      norm.forward(
        table.pointer, tokens: relative.rowCount, into: table.pointer, inverse: inverse.pointer)
    }
    return table
  }
}
