public import Checkpoints
import LinearAlgebra
public import Tensors

/// Sums of `x·xᵀ` over the inputs and `g·gᵀ` over the output gradients of every linear module.
///
/// Modules that share an input (q, k, v; gate, up: those of one ``Block/Product``) share its sum. The mean over tokens is
/// `C = E[x xᵀ]` `[in, in]` and `G = E[g gᵀ]` `[out, out]` of the Kronecker-factored fit. Half of each is kept; a
/// module's matrices are made when they are asked for, since those of all modules together are larger than the model.
public struct CurvatureSums: Sendable {
  private let inputs: [Key: SymmetricSum]
  private let outputs: [Key: SymmetricSum]
  /// The module under whose name the sum over a module's inputs is kept.
  private let inputOwners: [Key: Key]
  /// Tokens seen.
  public let tokenCount: Int

  struct Key: Hashable {
    let layer: Int
    let kind: LinearKind

    init(layer: Int, kind: LinearKind) {
      self.layer = layer
      self.kind = kind
    }

    init(_ module: LinearModule) { self.init(layer: module.layer, kind: module.kind) }
  }

  init(
    inputs: [Key: SymmetricSum], outputs: [Key: SymmetricSum], inputOwners: [Key: Key],
    tokenCount: Int
  ) {
    self.inputs = inputs
    self.outputs = outputs
    self.inputOwners = inputOwners
    self.tokenCount = tokenCount
  }

  /// Bytes of the sums of every module of a model.
  public static func byteCount(_ configuration: DecoderConfiguration) -> Int {
    var count = 0
    let owners = inputOwners(configuration)
    for module in configuration.linearModules {
      if owners[Key(module)] == Key(module) {
        count += SymmetricSum.byteCount(size: module.inFeatures)
      }
      count += SymmetricSum.byteCount(size: module.outFeatures)
    }
    return count
  }

  /// The module whose input stands for each one's.
  static func inputOwners(_ configuration: DecoderConfiguration) -> [Key: Key] {
    var owners: [Key: Key] = [:]
    for (layer, block) in configuration.blocks.enumerated() {
      for kind in block.kinds {
        owners[Key(layer: layer, kind: kind)] = Key(layer: layer, kind: block.inputOwner(kind))
      }
    }
    return owners
  }

  /// `C` of a module, symmetric, or nil where nothing was seen.
  public func inputCovariance(_ module: LinearModule) -> Matrix<Float>? {
    inputOwners[Key(module)].flatMap { inputs[$0] }.map(mean)
  }

  /// `G` of a module, symmetric, or nil where nothing was seen.
  public func outputCovariance(_ module: LinearModule) -> Matrix<Float>? {
    outputs[Key(module)].map(mean)
  }

  private func mean(_ sum: SymmetricSum) -> Matrix<Float> {
    sum.matrix(scale: 1 / Float(max(tokenCount, 1)))
  }
}
