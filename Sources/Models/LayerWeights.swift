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
  /// The matrices in the order of ``Block/Product``.
  private let matrices: [FrozenMatrix]

  /// The norms, and the biases of each matrix that has any, one for each of its rows.
  struct Vectors: Sendable {
    let norms: [TensorRole: NormWeights]
    let biases: [Block.Product: FloatBuffer]
  }

  /// A block from its matrices, in the order of ``Block/Product``.
  init(shape: Block, vectors: Vectors, matrices: [FrozenMatrix]) {
    self.shape = shape
    self.vectors = vectors
    self.matrices = matrices
  }

  /// The matrix of a product, `[rows of its modules together, columns]`.
  subscript(product: Block.Product) -> FrozenMatrix { matrices[product.rawValue] }

  /// All matrices.
  var products: [FrozenMatrix] { matrices }

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

  /// The matrix of block `layer`, laid out for `orders` in `precision`, from rows as they are decoded.
  func load(
    _ layer: Int, _ configuration: DecoderConfiguration,
    for orders: Set<FrozenMatrix.Order> = [.forward], in precision: ProductPrecision = .float32,
    _ read: RowReading
  ) throws(Fault) -> FrozenMatrix {
    let modules = modules(layer, configuration)
    return try FrozenMatrix(
      rows: modules.reduce(0) { $0 + $1.outFeatures }, columns: modules[0].inFeatures,
      laidOutFor: orders, in: precision
    ) { (filling) throws(Fault) in
      var start = 0
      for module in modules {
        try read(module.weightName, module.outFeatures, module.inFeatures) {
          (first, rows) throws(Fault) in filling.place(start + first, rows)
        }
        start += module.outFeatures
      }
    }
  }
}
