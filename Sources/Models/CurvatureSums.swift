public import Checkpoints
import LinearAlgebra
public import Tensors

/// Sums of `x·xᵀ` over the inputs and `g·gᵀ` over the output gradients of every linear module.
///
/// Modules that share an input (q, k, v; gate, up) share its sum. The mean over tokens is
/// `C = E[x xᵀ]` `[in, in]` and `G = E[g gᵀ]` `[out, out]` of the Kronecker-factored fit. Half of each is kept; a
/// module's matrices are made when they are asked for, since those of all modules together are larger than the model.
public struct CurvatureSums: Sendable {
  private let inputs: [Key: SymmetricSum]
  private let outputs: [Key: SymmetricSum]
  /// Tokens seen.
  public let tokenCount: Int

  struct Key: Hashable {
    let layer: Int
    let kind: LinearKind
  }

  init(inputs: [Key: SymmetricSum], outputs: [Key: SymmetricSum], tokenCount: Int) {
    self.inputs = inputs
    self.outputs = outputs
    self.tokenCount = tokenCount
  }

  /// Bytes of the sums of every module of a model.
  public static func byteCount(_ configuration: DecoderConfiguration) -> Int {
    var count = 0
    for module in configuration.linearModules {
      if ownsInput(module.kind) {
        count += SymmetricSum.byteCount(size: module.inFeatures)
      }
      count += SymmetricSum.byteCount(size: module.outFeatures)
    }
    return count
  }

  /// Whether the sum over a module's inputs is kept under its own name.
  static func ownsInput(_ kind: LinearKind) -> Bool { inputOwner(kind) == kind }

  /// The module whose input stands for `kind`'s.
  private static func inputOwner(_ kind: LinearKind) -> LinearKind {
    switch kind {
    case .query, .key, .value: .query
    case .gate, .up: .gate
    case .output, .down: kind
    }
  }

  /// `C` of a module, symmetric, or nil where nothing was seen.
  public func inputCovariance(_ module: LinearModule) -> Matrix<Float>? {
    let owner = CurvatureSums.inputOwner(module.kind)
    return inputs[Key(layer: module.layer, kind: owner)].map(mean)
  }

  /// `G` of a module, symmetric, or nil where nothing was seen.
  public func outputCovariance(_ module: LinearModule) -> Matrix<Float>? {
    outputs[Key(layer: module.layer, kind: module.kind)].map(mean)
  }

  private func mean(_ sum: SymmetricSum) -> Matrix<Float> {
    sum.matrix(scale: 1 / Float(max(tokenCount, 1)))
  }
}
