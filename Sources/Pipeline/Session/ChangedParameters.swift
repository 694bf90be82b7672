import Adapters
import Checkpoints
import Faults
import JSON
import Models
import Tensors

/// The parameters of a base with the changes that an adapter makes beside its updates
/// (`formats/adapters.md` §9).
struct ChangedParameters {
  private let base: BaseCheckpoint
  private let changes: [UTF8Key: [AdapterPart]]
  private let threads: Int

  init(base: BaseCheckpoint, changes: [AdapterPart], threads: Int = 1) {
    self.base = base
    self.threads = threads
    self.changes = Dictionary(grouping: changes) { UTF8Key($0.parameter) }
  }

  /// Whether head and embeddings, which the base ties, are no longer the same.
  var untiesHead: Bool {
    guard base.configuration.hasTiedEmbeddings else { return false }
    func list(_ name: String) -> [AdapterPart.Change] {
      (changes[UTF8Key(name)] ?? []).map(\.change)
    }
    return list(base.configuration.headName) != list(base.configuration.embeddingName)
  }

  /// The model's shape, with the head on its own where it no longer is the embeddings.
  var configuration: DecoderConfiguration {
    var configuration = base.configuration
    if untiesHead { configuration.hasTiedEmbeddings = false }
    return configuration
  }

  /// Whether a parameter changes.
  func contains(_ name: String) -> Bool { changes[UTF8Key(name)] != nil }

  /// The values of a parameter after its changes; a head that is tied in the base begins as the embeddings.
  func floats(_ name: String) throws(Fault) -> [Float] {
    var values = try base.checkpoint.floats(source(name), threads: threads)
    for part in changes[UTF8Key(name)] ?? [] { part.apply(to: &values) }
    return values
  }

  private func source(_ name: String) -> String {
    base.configuration.hasTiedEmbeddings && name == base.configuration.headName
      ? base.configuration.embeddingName : name
  }

  /// The weights of a decoder.
  func weights(progress: (Int, Int) -> Void) throws(Fault) -> DecoderWeights {
    try DecoderWeights(
      configuration: configuration, matrix: matrix, vector: vector, source: matrix,
      progress: progress)
  }

  /// The same with blocks left on disk.
  func weights(passByteCount: Int?) throws(Fault) -> DecoderWeights {
    try DecoderWeights(
      streaming: configuration, matrix: matrix, vector: vector, passByteCount: passByteCount)
  }

  @Sendable private func matrix(_ name: String) throws(Fault) -> Matrix<Float> {
    guard contains(name) || source(name) != name else { return try base.matrix(name) }
    let shape = try base.matrixShape(source(name))
    return Matrix(rows: shape.rows, columns: shape.columns, elements: try floats(name))
  }

  private func vector(_ name: String) throws(Fault) -> [Float] {
    contains(name) ? try floats(name) : try base.vector(name)
  }
}
