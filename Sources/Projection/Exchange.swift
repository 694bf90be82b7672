import Faults
import LinearAlgebra
import Tensors

/// What every exchange of one of the chosen directions C for another would bring, from one factorisation of `H_CC`.
///
/// With `W = H_CC⁻¹ T_C`, `κ_p = (H_CC⁻¹)_pp` and for every direction i its coefficients `s_i = H_CC⁻¹ H_Ci`, what is left of its
/// target `e_i = t_i − s_iᵀT_C` and of its diagonal `d_i = H_ii − s_iᵀH_Ci`: without p these are
/// `e_i + s_ip W_p/κ_p` and `d_i + s_ip²/κ_p`.
struct Exchange {
  /// What each chosen direction's removal would lose: `‖W_p‖² / κ_p`.
  let losses: [Double]
  private let inverse: Matrix<Double>
  /// `s`, `[chosen, count]`.
  private let coefficients: Matrix<Double>
  /// `‖W_p‖²`.
  private let weights: [Double]
  /// `W_p · e_i`, `[chosen, count]`.
  private let products: Matrix<Double>
  /// `‖e_i‖²`, `d_i`, and the least diagonal that is told apart from 0.
  private let squares: [Double]
  private let diagonal: [Double]
  private let floors: [Double]

  /// - Parameters:
  ///   - metric: `H`, `[count, count]`.
  ///   - block: `H_CC`.
  ///   - targets: `T`, `[count, rank]`.
  init(
    _ chosen: [Int], metric: Matrix<Double>, block: Matrix<Double>, targets: Matrix<Double>
  ) throws(Fault) {
    let (count, rank) = (metric.rows, targets.columns)
    let cholesky = try Cholesky(block)
    let link = metric.selectingRows(chosen)
    let chosenTargets = targets.selectingRows(chosen)
    inverse = try cholesky.solving(.identity(chosen.count))
    coefficients = try cholesky.solving(link)
    let solution = try cholesky.solving(chosenTargets)
    let explained = coefficients.times(chosenTargets, transposeSelf: true)
    var left = targets
    for index in left.elements.indices { left.elements[index] -= explained.elements[index] }
    products = solution.times(left, transposeOther: true)
    weights = chosen.indices.map { position in
      (0..<rank).reduce(0) { $0 + solution[position, $1] * solution[position, $1] }
    }
    let inverse = inverse
    losses = zip(chosen.indices, weights).map { $1 / inverse[$0, $0] }
    squares = left.elements.withUnsafeBufferPointer { left in
      (0..<count).map { index in
        var sum = 0.0
        for column in index * rank..<(index + 1) * rank { sum += left[column] * left[column] }
        return sum
      }
    }
    var diagonal = (0..<count).map { metric[$0, $0] }
    floors = diagonal.map { $0 * 1e-12 }
    for position in chosen.indices {
      let first = position * count
      for index in 0..<count {
        diagonal[index] -= coefficients.elements[first + index] * link.elements[first + index]
      }
    }
    self.diagonal = diagonal
  }

  /// What each direction would add to the chosen ones without the one at `position`; meaningless for those.
  func gains(without position: Int) -> [Double] {
    let count = diagonal.count
    let (first, spread) = (position * count, 1 / inverse[position, position])
    let weight = weights[position]
    return [Double](unsafeUninitializedCapacity: count) { gains, initialized in
      coefficients.elements.withUnsafeBufferPointer { coefficients in
        products.elements.withUnsafeBufferPointer { products in
          for index in 0..<count {
            let coefficient = coefficients[first + index]
            let step = coefficient * spread
            let rest = diagonal[index] + coefficient * step
            let square =
              squares[index] + step * (2 * products[first + index] + step * weight)
            gains[index] = rest > floors[index] ? square / rest : 0
          }
        }
      }
      initialized = count
    }
  }
}
