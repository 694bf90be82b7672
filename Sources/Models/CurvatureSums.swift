public import Checkpoints
import LinearAlgebra
public import Tensors

/// Sums of `x·xᵀ` over the inputs and `g·gᵀ` over the output gradients of every linear module.
///
/// Modules that share an input (q, k, v; gate, up) share its sum. The mean over tokens is
/// `C = E[x xᵀ]` `[in, in]` and `G = E[g gᵀ]` `[out, out]` of the Kronecker-factored fit. Half of each is kept; a
/// module's matrices are made when they are asked for, since those of all modules together are larger than the model.
public struct CurvatureSums: Sendable {
  private var inputs: [Key: SymmetricSum] = [:]
  private var outputs: [Key: SymmetricSum] = [:]
  /// Tokens seen.
  public private(set) var tokenCount = 0

  private struct Key: Hashable {
    let layer: Int
    let kind: LinearKind
  }

  /// Bytes of the sums of every module of a model.
  public static func byteCount(_ configuration: DecoderConfiguration) -> Int {
    var count = 0
    for module in configuration.linearModules {
      if inputOwner(module.kind) == module.kind {
        count += SymmetricSum.byteCount(size: module.inFeatures)
      }
      count += SymmetricSum.byteCount(size: module.outFeatures)
    }
    return count
  }

  /// No tokens.
  public init() {}

  /// The module whose input stands for `kind`'s.
  private static func inputOwner(_ kind: LinearKind) -> LinearKind {
    switch kind {
    case .query, .key, .value: .query
    case .gate, .up: .gate
    case .output, .down: kind
    }
  }

  mutating func addTokens(_ count: Int) {
    tokenCount += count
  }

  /// Adds `xᵀx` for the module's inputs `[tokens, in]` and `gᵀg` for its output gradients `[tokens, out]`, which
  /// lie in rows of `stride`.
  mutating func add(
    _ module: LinearModule, input: UnsafePointer<Float>, gradient: UnsafePointer<Float>,
    stride: Int, tokens: Int
  ) {
    let key = Key(layer: module.layer, kind: module.kind)
    if CurvatureSums.inputOwner(module.kind) == module.kind {
      inputs[key, default: SymmetricSum(size: module.inFeatures)].add(
        input, rows: tokens, stride: module.inFeatures)
    }
    outputs[key, default: SymmetricSum(size: module.outFeatures)].add(
      gradient, rows: tokens, stride: stride)
  }

  /// Adds what others have seen.
  public mutating func add(_ other: CurvatureSums) {
    tokenCount += other.tokenCount
    CurvatureSums.merge(other.inputs, into: &inputs)
    CurvatureSums.merge(other.outputs, into: &outputs)
  }

  private static func merge(
    _ others: [Key: SymmetricSum], into sums: inout [Key: SymmetricSum]
  ) {
    for (key, added) in others {
      if sums[key] == nil { sums[key] = added } else { sums[key]?.add(added) }
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
