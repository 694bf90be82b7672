import Checkpoints
import Faults
import Tensors

/// A model in Float64 as its ``Block``s say it, with updates beside its linear modules: slow and obviously right.
///
/// Written from the tables and the papers, not from `Sources/Models`; one formula a place. What it computes is held against PyTorch in
/// Float64 (`ReferenceTests`), and `Sources/Models` against it where there is nothing else.
struct ReferenceModel {
  let configuration: DecoderConfiguration
  /// All parameters by Hugging Face name: matrices as they are, vectors as one row.
  var weights: [String: Matrix<Double>]
  /// ΔW = O·M·Iᵀ of every updated module, by module name.
  var updates: [String: Update] = [:]

  /// O, M and I of one module.
  struct Update {
    var output: Matrix<Double>
    var core: Matrix<Double>
    var input: Matrix<Double>
  }

  /// What a model reads.
  enum Input {
    /// Tokens, and the kind of text of each; none for the first of all.
    case tokens([Int32], types: [Int32] = [])
    /// The patches of an image, `[patches, channels·rows·columns]`.
    case patches(Matrix<Double>)
  }

  init(
    configuration: DecoderConfiguration, weights: [String: Matrix<Double>] = [:],
    updates: [String: Update] = [:]
  ) {
    self.configuration = configuration
    self.weights = weights
    self.updates = updates
  }

  /// The parameters of a checkpoint, each the number that its file has.
  init(_ base: BaseCheckpoint, updates: [String: Update] = [:]) throws {
    configuration = base.configuration
    self.updates = updates
    weights = [:]
    for (name, shape) in base.configuration.parameters {
      if base.configuration.hasTiedEmbeddings, name == base.configuration.headName { continue }
      let values = try base.values(name).map { Double($0) }
      // A convolution is a matrix of what it is applied to; other shapes of more than two dimensions begin with 1.
      let rows = shape.count == 4 ? shape[0] : shape.dropLast().reduce(1, *)
      weights[name] = Matrix(rows: rows, columns: values.count / rows, elements: values)
    }
  }

  // MARK: - Without gradients

  /// Logits of every token of a text, `[L][V]`.
  func logits(_ tokens: [Int32]) -> [[Double]] {
    let pass = ReferencePass(self)
    let matrix = pass.logits(.tokens(tokens), at: Array(tokens.indices)).value
    return (0..<matrix.rows).map { row in (0..<matrix.columns).map { matrix[row, $0] } }
  }

  /// Mean −ln p(target) over the completion tokens of examples (prompt, completion).
  func loss(_ examples: [(prompt: [Int32], completion: [Int32])]) -> Double {
    ReferencePass(self).loss(examples).value[0, 0]
  }
}
