public import Tensors

/// Everything a tuning run needs to go on from where it stands.
public struct TuningState: Sendable {
  /// The numbers of one ``Trainable``.
  public struct Section: Sendable {
    /// Its name.
    public let name: String
    /// The numbers now.
    public internal(set) var values: [Matrix<Float>]
    /// Those that were best on validation.
    public internal(set) var best: [Matrix<Float>]
    /// Optimiser state, over all of them in order.
    public internal(set) var optimizer: AdamW

    init(name: String, values: [Matrix<Float>]) {
      self.name = name
      self.values = values
      best = values
      optimizer = AdamW(count: values.reduce(0) { $0 + $1.elements.count })
    }

    /// One step of the optimiser along `gradients`.
    mutating func move(along gradients: [Matrix<Float>], learningRate: Double) {
      var numbers = values.flatMap(\.elements)
      optimizer.update(
        &numbers, gradient: gradients.flatMap(\.elements), learningRate: learningRate)
      values.fill(from: numbers)
    }
  }

  /// Steps taken.
  public internal(set) var step = 0
  /// What is trained, by name, in the order of the run.
  public internal(set) var sections: [Section]
  /// Losses so far.
  public package(set) var history = TuningHistory()

  /// A state before the first step.
  package init(_ trainables: [any Trainable]) {
    sections = trainables.map { Section(name: $0.name, values: $0.values) }
  }

  /// The section of that name; nil where nothing of the kind is trained.
  public subscript(name: String) -> Section? { sections.first { $0.name == name } }
}

extension [Matrix<Float>] {
  /// Puts `numbers` into the matrices, one after the other; there must be as many.
  mutating func fill(from numbers: [Float]) {
    var offset = 0
    for index in indices {
      let count = self[index].elements.count
      self[index].elements = [Float](numbers[offset..<offset + count])
      offset += count
    }
  }
}
