import Checkpoints
import Faults
import LinearAlgebra
import Tensors

/// One block's weights, with the legend of ``DecoderWeights``.
struct LayerWeights: Sendable {
  /// What the block computes.
  let shape: Block
  /// The norms and the biases, which are small.
  let vectors: Vectors
  private let matrices: [Block.Product: FrozenMatrix]

  /// The norms, and the biases of each matrix that has any, one for each of its rows.
  struct Vectors: Sendable {
    let norms: [TensorRole: NormWeights]
    let biases: [Block.Product: FloatBuffer]
  }

  /// A block from its matrices, in the order of ``Block/products``.
  init(shape: Block, vectors: Vectors, matrices: [FrozenMatrix]) {
    self.shape = shape
    self.vectors = vectors
    self.matrices = Dictionary(uniqueKeysWithValues: zip(shape.products, matrices))
  }

  /// The matrix of one of the block's products, `[rows of its modules together, columns]`.
  subscript(product: Block.Product) -> FrozenMatrix {
    guard let matrix = matrices[product] else { preconditionFailure("a block without \(product)") }
    return matrix
  }

  /// All matrices.
  var products: [FrozenMatrix] { Array(matrices.values) }

  /// What one pass of a decoder needs of a block.
  struct Use: Sendable, Hashable {
    let layer: Int
    let orders: Set<FrozenMatrix.Order>
    let precision: ProductPrecision

    /// Whether a block laid out for this use serves another.
    func serves(_ other: Use) -> Bool {
      layer == other.layer && precision == other.precision && orders.isSuperset(of: other.orders)
    }
  }
}

extension Block.Product {
  /// The modules of block `layer` that are stacked into this matrix.
  func modules(_ layer: Int, _ configuration: DecoderConfiguration) -> [LinearModule] {
    configuration.block(layer).kinds(of: self).map {
      LinearModule(layer: layer, kind: $0, configuration: configuration)
    }
  }

  /// The weights of block `layer` that are stacked into this matrix, and their rows and columns.
  func weights(
    _ layer: Int, _ configuration: DecoderConfiguration
  ) -> [(name: String, rows: Int, columns: Int)] {
    guard self == .router else {
      return modules(layer, configuration).map { ($0.weightName, $0.outFeatures, $0.inFeatures) }
    }
    let (block, names) = (configuration.block(layer), configuration.names)
    let parts: [(role: TensorRole, rows: Int)] =
      [(.router, block.experts?.count ?? 0)]
      + (block.feedForward.size > 0 ? [(.sharedGate, 1)] : [])
    return parts.map { part in
      let name = names.module(part.role, layer: layer) ?? ""
      return (name + ".weight", part.rows, configuration.hiddenSize)
    }
  }

  /// The matrix of block `layer`, laid out for `orders` in `precision`, from rows as they are decoded.
  func load(
    _ layer: Int, _ configuration: DecoderConfiguration,
    for orders: Set<FrozenMatrix.Order> = [.forward], in precision: ProductPrecision = .float32,
    _ read: RowReading
  ) throws(Fault) -> FrozenMatrix {
    let weights = weights(layer, configuration)
    return try FrozenMatrix(
      rows: weights.reduce(0) { $0 + $1.rows }, columns: weights[0].columns,
      laidOutFor: orders, in: precision
    ) { (filling) throws(Fault) in
      var start = 0
      for weight in weights {
        try read(weight.name, weight.rows, weight.columns) {
          (first, rows) throws(Fault) in filling.place(start + first, rows)
        }
        start += weight.rows
      }
    }
  }
}
