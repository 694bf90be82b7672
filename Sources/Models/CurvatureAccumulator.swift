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

  /// Adds `xᵀx` for the module's inputs `[tokens, in]` and `gᵀg` for its output gradients `[tokens, out]`, which
  /// lie in rows of `stride`.
  func add(
    _ layer: Int, _ kind: LinearKind, input: FloatBuffer, gradient: UnsafePointer<Float>,
    stride: Int, tokens: Int, _ configuration: DecoderConfiguration
  ) {
    let module = LinearModule(layer: layer, kind: kind, configuration: configuration)
    let key = Key(layer: layer, kind: kind)
    if inputOwner(kind) == kind {
      add(
        &inputSums, key, input.pointer, stride: module.inFeatures, tokens: tokens,
        features: module.inFeatures)
    }
    add(
      &outputSums, key, gradient, stride: stride, tokens: tokens, features: module.outFeatures)
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
