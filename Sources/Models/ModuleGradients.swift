import Checkpoints
import Tensors

/// Gradients of cores as a backward pass comes to them.
struct ModuleGradients {
  /// A module.
  struct Key: Hashable {
    let layer: Int
    let kind: LinearKind
  }

  private var values: [Key: Matrix<Float>] = [:]

  /// ∂L/∂M `[outputRank, inputRank]` of a module.
  subscript(key: Key) -> Matrix<Float>? {
    get { values[key] }
    set { values[key] = newValue }
  }

  /// Those of every trainable module, in `updates.trainable` order; zeros where the pass did not come.
  func ordered(by updates: UpdateSet) -> [Matrix<Float>] {
    updates.trainable.map { layer, kind, update in
      values[Key(layer: layer, kind: kind)]
        ?? Matrix(rows: update.outputRank, columns: update.inputRank)
    }
  }
}
