package import Adapters
package import Checkpoints
package import Faults
import JSON
package import Models
import Tensors

/// The parameters of a base with the changes that an adapter makes beside its updates
/// (`formats/adapters.md` §9).
package struct ChangedParameters {
  private let base: BaseCheckpoint
  private let changes: [UTF8Key: [AdapterPart]]
  private let threads: Int

  package init(base: BaseCheckpoint, changes: [AdapterPart], threads: Int = 1) {
    self.base = base
    self.threads = threads
    self.changes = Dictionary(grouping: changes) { UTF8Key($0.parameter) }
  }

  /// Whether head and embeddings, which the base ties, are no longer the same.
  package var untiesHead: Bool {
    guard base.configuration.hasTiedEmbeddings else { return false }
    func list(_ name: String) -> [AdapterPart.Change] {
      (changes[UTF8Key(name)] ?? []).map(\.change)
    }
    return list(base.configuration.headName) != list(base.configuration.embeddingName)
  }

  /// The model's shape, with the head on its own where it no longer is the embeddings, and with the head for classes that the
  /// changes bring.
  package var configuration: DecoderConfiguration {
    var configuration = base.configuration
    if untiesHead { configuration.hasTiedEmbeddings = false }
    if let newHead { configuration = configuration.with(newHead) }
    return configuration
  }

  /// The head for classes that the changes bring whole and the base lacks; nil where there is none that runs.
  package var newHead: ClassHead? {
    let model = base.configuration
    guard model.classHead == nil, let form = model.classForm,
      let name = model.names.module(.classes)
    else { return nil }
    guard let count = replaced(name + ".weight")?.shape.first, count > 0 else { return nil }
    let stated = model.statedLabels.flatMap { $0.count == count ? $0 : nil }
    let head = ClassHead(form: form, names: stated ?? ClassHead.defaultNames(count))
    let known = Set(model.parameters.map { UTF8Key($0.name) })
    let isWhole = model.with(head).parameters.allSatisfy { parameter in
      known.contains(UTF8Key(parameter.name)) || replaced(parameter.name)?.shape == parameter.shape
    }
    return isWhole ? head : nil
  }

  /// A change that brings all values of a parameter.
  private func replaced(_ name: String) -> AdapterPart? {
    changes[UTF8Key(name)]?.first { part in
      if case .replaced = part.change { return true }
      return false
    }
  }

  /// Whether a parameter changes.
  package func contains(_ name: String) -> Bool { changes[UTF8Key(name)] != nil }

  /// The values of a parameter after its changes; a head that is tied in the base begins as the embeddings, one that the base
  /// lacks is what the changes bring.
  package func floats(_ name: String) throws(Fault) -> [Float] {
    var values =
      isNew(name) ? [] : try base.checkpoint.floats(source(name), threads: threads)
    for part in changes[UTF8Key(name)] ?? [] { part.apply(to: &values) }
    return values
  }

  /// Whether the changes bring a parameter whole that the base lacks.
  private func isNew(_ name: String) -> Bool {
    base.checkpoint.tensor(source(name)) == nil && replaced(name) != nil
  }

  private func source(_ name: String) -> String {
    base.configuration.hasTiedEmbeddings && name == base.configuration.headName
      ? base.configuration.embeddingName : name
  }

  /// The weights of a decoder.
  package func weights(progress: (Int, Int) -> Void) throws(Fault) -> DecoderWeights {
    try DecoderWeights(
      configuration: configuration, matrix: matrix, vector: vector, source: matrix,
      progress: progress)
  }

  /// The same with blocks left on disk.
  package func weights(passByteCount: Int?) throws(Fault) -> DecoderWeights {
    try DecoderWeights(
      streaming: configuration, matrix: matrix, vector: vector, passByteCount: passByteCount)
  }

  @Sendable private func matrix(_ name: String) throws(Fault) -> Matrix<Float> {
    guard contains(name) || source(name) != name else { return try base.matrix(name) }
    if isNew(name), let part = replaced(name), part.shape.count == 2 {
      return Matrix(rows: part.shape[0], columns: part.shape[1], elements: try floats(name))
    }
    let shape = try base.matrixShape(source(name))
    return Matrix(rows: shape.rows, columns: shape.columns, elements: try floats(name))
  }

  private func vector(_ name: String) throws(Fault) -> [Float] {
    contains(name) ? try floats(name) : try base.values(name)
  }
}
