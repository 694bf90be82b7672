import Checkpoints
import Faults
import LinearAlgebra
import Tensors

/// One block's weights, with the legend of ``DecoderWeights``.
struct LayerWeights: Sendable {
  /// The weights of the two norms and the biases, which are small.
  let vectors: Vectors
  /// `[(H + 2K)·D, d]`: query rows, then key, then value.
  let queryKeyValue: FrozenMatrix
  /// Rows of o_proj, `[d, H·D]`.
  let output: FrozenMatrix
  /// `[2F, d]`: gate rows, then up.
  let gateUp: FrozenMatrix
  /// Rows of down_proj, `[d, F]`.
  let down: FrozenMatrix

  /// Weights of the norms before attention and before the feed-forward block, `[d]` each, and the biases of each
  /// matrix that has any, one for each of its rows.
  struct Vectors: Sendable {
    let attentionNorm: FloatBuffer
    let feedForwardNorm: FloatBuffer
    let biases: [Part: FloatBuffer]
  }

  /// The matrices of a block, as the kernels want them.
  enum Part: Int, Sendable, CaseIterable {
    // Large ones first, so that the last thread is not left with one.
    case gateUp, queryKeyValue, down, output

    /// The tensors of one block that are stacked into this matrix.
    func modules(_ layer: Int, _ configuration: DecoderConfiguration) -> [LinearModule] {
      let kinds: [LinearKind] =
        switch self {
        case .queryKeyValue: [.query, .key, .value]
        case .output: [.output]
        case .gateUp: [.gate, .up]
        case .down: [.down]
        }
      return kinds.map { LinearModule(layer: layer, kind: $0, configuration: configuration) }
    }

    /// The matrix of block `layer`, its tensors decoded one at a time by `matrix`.
    func load(
      _ layer: Int, _ configuration: DecoderConfiguration,
      _ matrix: (String) throws(Fault) -> Matrix<Float>
    ) throws(Fault) -> FrozenMatrix {
      let modules = modules(layer, configuration)
      return try FrozenMatrix(rows: modules.map(\.outFeatures), columns: modules[0].inFeatures) {
        (index) throws(Fault) in
        let module = modules[index]
        return try DecoderWeights.checked(
          module.weightName, rows: module.outFeatures, columns: module.inFeatures, matrix)
      }
    }
  }

  /// A block from its matrices, in the order of ``Part``.
  init(vectors: Vectors, parts: [FrozenMatrix]) {
    self.vectors = vectors
    queryKeyValue = parts[Part.queryKeyValue.rawValue]
    output = parts[Part.output.rawValue]
    gateUp = parts[Part.gateUp.rawValue]
    down = parts[Part.down.rawValue]
  }

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
