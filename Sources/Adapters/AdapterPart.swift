import Tensors

/// A change of a parameter that is not a low-rank update of a linear module's weight
/// (`formats/adapters.md` §9).
public struct AdapterPart: Sendable, Equatable {
  /// How the parameter changes.
  public enum Change: Sendable, Equatable {
    /// It becomes these values: a module saved whole, a trained bias.
    case replaced([Float])
    /// Rows are multiplied by these factors: DoRA's magnitudes over their norms.
    case scaledRows([Float])
    /// These rows, ascending, become these values, one row after another: trained tokens.
    case rows([Int], [Float])
    /// These values are added: the bias of a LoRA, a full difference.
    case added([Float])
    /// `s·B·A` is added to the parameter seen as a matrix with all dimensions but the first in one row:
    /// embeddings, convolutions, experts.
    case product(LowRankUpdate)
  }

  /// Path of the module in the Hugging Face model.
  public let module: String
  /// The parameter's name in its module, such as `weight` or `bias`.
  public let leaf: String
  /// Its shape; of one slice where there is one.
  public let shape: [Int]
  /// Which matrix of a stack of experts changes.
  public let slice: Int?
  /// How it changes.
  public let change: Change

  /// A part.
  public init(
    module: String, leaf: String, shape: [Int], slice: Int? = nil, change: Change
  ) {
    self.module = module
    self.leaf = leaf
    self.shape = shape
    self.slice = slice
    self.change = change
  }

  /// The parameter's name in the Hugging Face model.
  public var parameter: String { "\(module).\(leaf)" }

  /// The same change of the base's parameter.
  func moved(to module: String, shape: [Int]) -> AdapterPart {
    AdapterPart(
      module: module, leaf: leaf, shape: shape, slice: slice, change: change)
  }

  /// Several parts of one parameter apply in this order.
  public var stage: Int {
    switch change {
    case .replaced: 0
    case .scaledRows: 1
    case .rows: 2
    case .added: 3
    case .product: 4
    }
  }

  /// Makes the change to the parameter's values, row-major; products are summed in Float64.
  ///
  /// `values` must have the parameter's size: matching with a base has compared the shapes.
  public func apply(to values: inout [Float]) {
    switch change {
    case .replaced(let new): values = new
    case .scaledRows(let factors):
      let width = values.count / max(1, factors.count)
      for (row, factor) in factors.enumerated() {
        for index in row * width..<(row + 1) * width { values[index] *= factor }
      }
    case .rows(let rows, let new):
      let width = new.count / max(1, rows.count)
      for (place, row) in rows.enumerated() {
        values.replaceSubrange(
          row * width..<(row + 1) * width, with: new[place * width..<(place + 1) * width])
      }
    case .added(let difference):
      for index in values.indices { values[index] += difference[index] }
    case .product(let update):
      let width = update.inFeatures
      let start = (slice ?? 0) * update.outFeatures * width
      var sums = [Double](repeating: 0, count: width)
      for row in 0..<update.outFeatures {
        for column in 0..<width { sums[column] = 0 }
        for inner in 0..<update.rank {
          let factor = update.scaling * Double(update.loraB[row, inner])
          for column in 0..<width { sums[column] += factor * Double(update.loraA[inner, column]) }
        }
        for column in 0..<width {
          let index = start + row * width + column
          values[index] = Float(Double(values[index]) + sums[column])
        }
      }
    }
  }
}
