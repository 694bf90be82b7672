import Faults
import Foundation
import LinearAlgebra
import Tensors

/// An orthonormal basis `Q` of the Krylov space that `A` makes of a block of vectors, and `T = Q A Qᵀ` on it.
///
/// Rows of `Q` are vectors. Every new block is made orthogonal to all earlier ones twice, so that `Q` stays orthonormal
/// to the rounding of Float32 and finds every direction once; there are no restarts. Directions of equal eigenvalue
/// are found as many times as the block is wide, no more. (Golub, Underwood 1977.)
struct BlockLanczos {
  private let gram: GramOperator
  /// `Q`, `[count, size]`.
  private var basis: VectorRows<Float>
  /// The block that comes next, orthonormal to `Q`.
  private var next: VectorRows<Float>
  /// Rows of `T` from its first column to its diagonal block.
  private var projected: [[Double]] = []
  /// `B` of `A Qᵀ = Qᵀ T + nextᵀ B` in the columns of the last block.
  private var remainder = Matrix<Double>(rows: 0, columns: 0)

  /// Dimensions so far.
  var count: Int { projected.count }

  /// - Parameter start: `[width, size]`, of any lengths.
  private init(_ gram: GramOperator, start: VectorRows<Float>) throws(Fault) {
    self.gram = gram
    basis = VectorRows(size: start.size, elements: [])
    next = start
    try next.orthonormalizeOnce()
    try next.orthonormalizeOnce()
  }

  /// Takes the next block in and makes the one after it; false where a product leaves the range of Float32.
  ///
  /// - Throws: `RUN-STOPPED` where the process is interrupted.
  private mutating func step() throws(Fault) -> Bool {
    try Interruption.check()
    basis.append(next)
    var image = VectorRows<Float>(count: next.count, size: next.size)
    gram.apply(next.elements, count: next.count, into: &image.elements)
    guard image.elements.allSatisfy(\.isFinite) else { return false }
    let factors = image.products(with: basis)
    image.subtract(factors, of: basis)
    for row in 0..<next.count {
      projected.append(
        factors[row * basis.count..<(row + 1) * basis.count].map { Double($0) })
    }
    next = image
    try next.orthonormalizeOnce()
    next.subtract(next.products(with: basis), of: basis)
    try next.orthonormalizeOnce()
    remainder = next.gram(with: image)
    return true
  }

  /// Eigenvalues of `T`, descending, with its eigenvectors as rows, `[count, count]`.
  private func ritz() throws(Fault) -> SymmetricEigen {
    var matrix = Matrix<Double>(rows: count, columns: count)
    for row in 0..<count {
      for column in 0...row {
        matrix[row, column] = projected[row][column]
        matrix[column, row] = projected[row][column]
      }
    }
    return try SymmetricEigen(matrix)
  }

  /// `‖A y − θ y‖ / θ` of Ritz pair `index`, but for rounding.
  private func relativeResidual(_ ritz: SymmetricEigen, _ index: Int) -> Double {
    guard ritz.values[index] > 0 else { return .infinity }
    var sum = 0.0
    for row in 0..<remainder.rows {
      var value = 0.0
      for column in 0..<remainder.columns {
        value += remainder[row, column] * ritz.vectors[index, count - remainder.columns + column]
      }
      sum += value * value
    }
    return sum.squareRoot() / ritz.values[index]
  }

  /// The first `wanted` Ritz vectors, in Float64: rounding them to Float32 would cost as much as all the steps did.
  private func vectors(_ ritz: SymmetricEigen, _ wanted: Int) -> VectorRows<Double> {
    basis.converted(to: Double.self).rotated(by: ritz.vectors.prefix(rows: wanted))
  }
}

// MARK: - How many dimensions

extension BlockLanczos {
  private static let width = 16
  /// The start vectors of every iteration; results do not depend on it beyond rounding.
  private static let startSeed: UInt64 = 0x1ead
  /// Residual over eigenvalue at which rounding to Float32 is as large as what is missing.
  private static let residualLimit = 3e-7

  /// The first `wanted` Ritz vectors of a Krylov space in which the first `converged` of them have converged as far as
  /// Float32 goes; nil where they do not, or where it cannot be told whether equal ones are missing.
  static func ritzVectors(
    _ wanted: Int, converged: Int, of gram: GramOperator
  ) throws(Fault) -> VectorRows<Double>? {
    var generator = SeededGenerator(seed: startSeed)
    let start = generator.normals(width * gram.size).map { Float($0) }
    var space = try BlockLanczos(
      gram, start: VectorRows(size: gram.size, elements: start))
    // Beyond this a whole decomposition costs no more.
    let limit = gram.size * 15 / 16 / width * width
    var target = min(3 * converged + 6 * width, limit)
    // Dimensions in which the residual is expected to fall to a tenth; measured from the second look on.
    var decade = Double(converged / 4 + 16)
    var last: (count: Int, residual: Double)?
    while true {
      while space.count < target {
        guard try space.step() else { return nil }
      }
      let ritz = try space.ritz()
      guard !mayHideOthers(ritz.values, converged) else { return nil }
      let residual = space.relativeResidual(ritz, converged - 1)
      if residual <= residualLimit { return space.vectors(ritz, wanted) }
      guard residual.isFinite, space.count < limit else { return nil }
      if let last, residual < last.residual {
        decade = Double(space.count - last.count) / log10(last.residual / residual)
      }
      let missing = log10(residual / residualLimit) * decade
      // Where it would take more than there may be, it is better known early.
      guard last == nil || Double(space.count) + missing < 2 * Double(limit) else { return nil }
      last = (space.count, residual)
      let step = min(missing, Double(4 * converged + 4 * width))
      target = min(target + max(Int(step), width / 2), limit)
    }
  }

  /// Whether as many eigenvalues as a block finds of equal ones lie together from one of the first `wanted` on: then
  /// there may be more of them than were found.
  private static func mayHideOthers(_ values: [Double], _ wanted: Int) -> Bool {
    // Equal ones are found nearer to each other than this.
    let tolerance = 1e-5 * (values.first ?? 0)
    return values.indices.prefix(wanted).contains { index in
      index + width <= values.count && values[index] - values[index + width - 1] <= tolerance
    }
  }
}
