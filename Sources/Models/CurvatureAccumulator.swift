public import Checkpoints
import LinearAlgebra
public import Tensors

/// Sums of `x·xᵀ` over the inputs and `g·gᵀ` over the output gradients of every linear module.
///
/// Modules that share an input (q, k, v; gate, up) share its sum. The mean over tokens is
/// `C = E[x xᵀ]` `[in, in]` and `G = E[g gᵀ]` `[out, out]` of the Kronecker-factored fit.
public final class CurvatureAccumulator {
  private var inputSums: [Key: Matrix<Float>] = [:]
  private var outputSums: [Key: Matrix<Float>] = [:]
  /// Tokens seen.
  public private(set) var tokenCount = 0

  private struct Key: Hashable {
    let layer: Int
    let kind: LinearKind
  }

  /// An empty accumulator.
  public init() {}

  /// The module whose input stands for `kind`'s.
  private func inputOwner(_ kind: LinearKind) -> LinearKind {
    switch kind {
    case .query, .key, .value: .query
    case .gate, .up: .gate
    case .output, .down: kind
    }
  }

  func addTokens(_ count: Int) {
    tokenCount += count
  }

  /// Adds `xᵀx` for `x` `[tokens, features]`.
  func addInput(
    layer: Int, kind: LinearKind, _ x: UnsafePointer<Float>, tokens: Int, features: Int
  ) {
    guard inputOwner(kind) == kind else { return }
    add(
      &inputSums, Key(layer: layer, kind: kind), x, stride: features, tokens: tokens,
      features: features)
  }

  /// Adds `gᵀg` for `g` `[tokens, features]` inside rows of `stride`.
  func addOutputGradient(
    layer: Int, kind: LinearKind, _ gradient: UnsafePointer<Float>, stride: Int, tokens: Int,
    features: Int
  ) {
    add(
      &outputSums, Key(layer: layer, kind: kind), gradient, stride: stride, tokens: tokens,
      features: features)
  }

  private func add(
    _ sums: inout [Key: Matrix<Float>], _ key: Key, _ x: UnsafePointer<Float>, stride: Int,
    tokens: Int, features: Int
  ) {
    var sum = sums.removeValue(forKey: key) ?? Matrix(rows: features, columns: features)
    sum.elements.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return }
      BLAS.accumulateGram(x, rows: tokens, size: features, stride: stride, into: start)
    }
    sums[key] = sum
  }

  /// Adds what another accumulator has seen.
  public func add(_ other: CurvatureAccumulator) {
    tokenCount += other.tokenCount
    CurvatureAccumulator.merge(other.inputSums, into: &inputSums)
    CurvatureAccumulator.merge(other.outputSums, into: &outputSums)
  }

  private static func merge(_ other: [Key: Matrix<Float>], into sums: inout [Key: Matrix<Float>]) {
    for (key, value) in other {
      guard var sum = sums.removeValue(forKey: key) else {
        sums[key] = value
        continue
      }
      for index in sum.elements.indices { sum.elements[index] += value.elements[index] }
      sums[key] = sum
    }
  }

  /// `C` of a module, symmetric, or nil where nothing was seen.
  public func inputCovariance(_ module: LinearModule) -> Matrix<Float>? {
    inputSums[Key(layer: module.layer, kind: inputOwner(module.kind))].map(mean)
  }

  /// `G` of a module, symmetric, or nil where nothing was seen.
  public func outputCovariance(_ module: LinearModule) -> Matrix<Float>? {
    outputSums[Key(layer: module.layer, kind: module.kind)].map(mean)
  }

  /// The sum divided by the tokens, its upper triangle mirrored to the lower.
  private func mean(_ sum: Matrix<Float>) -> Matrix<Float> {
    var result = sum
    let scale = 1 / Float(max(tokenCount, 1))
    result.elements.withUnsafeMutableBufferPointer { elements in
      for row in 0..<sum.rows {
        for column in row..<sum.columns {
          let value = elements[row * sum.columns + column] * scale
          elements[row * sum.columns + column] = value
          elements[column * sum.columns + row] = value
        }
      }
    }
    return result
  }
}
