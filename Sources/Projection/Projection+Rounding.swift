public import Bases
public import Faults
import LinearAlgebra
public import Tensors

extension Projection {
  /// Rounds a latent number by number so that what one loses is made up for by those still to be rounded.
  ///
  /// The error `tr(Eᵀ·UᵀGU·E·VᵀCV)` is a quadratic form with `H = VᵀCV ⊗ UᵀGU`. With `H⁻¹ = TᵀT`, T upper triangular, the
  /// best change of the numbers after p for an error at p is `−(mₚ − qₚ)/Tₚₚ · Tₚ,…` (optimal brain quantisation in a
  /// fixed order, Frantar et al., arXiv 2210.17323); T is the Kronecker product of the two sides' factors, so columns
  /// are rounded one after another, rows in their order.
  ///
  /// - Parameters:
  ///   - latent: M, `[outputRank, inputRank]`.
  ///   - rounding: the rounding of a column, from its numbers as they are when its turn comes.
  /// - Returns: numbers that `rounding` gave, `[outputRank, inputRank]`.
  /// - Throws: `PROJ-SHAPE` where a moment does not fit the basis; `NUM-DEFINITE`; what `rounding` throws.
  public static func rounded(
    _ latent: Matrix<Float>, basis: ModuleBasis, curvature: Curvature,
    ridge: Double = Projection.defaultRidge,
    rounding: (_ column: [Float]) throws(Fault) -> (Float) -> Float
  ) throws(Fault) -> Matrix<Float> {
    let rows = try carry(
      basis.outputBasis, curvature.output, ridge: ridge, name: basis.moduleName)
    let columns = try carry(
      basis.inputBasis, curvature.input, ridge: ridge, name: basis.moduleName)
    var rest = latent.inDouble
    var result = latent
    for column in 0..<rest.columns {
      let round = try rounding((0..<rest.rows).map { Float(rest[$0, column]) })
      var errors = [Double](repeating: 0, count: rest.rows)
      for row in 0..<rest.rows {
        let value = round(Float(rest[row, column]))
        result[row, column] = value
        errors[row] =
          (rest[row, column] - Double(value)) / (columns[column, column] * rows[row, row])
        for later in row..<rest.rows {
          rest[later, column] -= errors[row] * columns[column, column] * rows[row, later]
        }
      }
      for other in column + 1..<max(rest.columns, column + 1) {
        for row in 0..<rest.rows {
          let share = errors[row] * columns[column, other]
          for later in row..<rest.rows { rest[later, other] -= share * rows[row, later] }
        }
      }
    }
    return result
  }

  /// T, upper triangular with `(XᵀSX)⁻¹ = TᵀT`.
  private static func carry(
    _ basis: Matrix<Float>, _ moment: SecondMoment?, ridge: Double, name: String
  ) throws(Fault) -> Matrix<Double> {
    guard let moment else { return .identity(basis.columns) }
    let metric = try Metric.within(basis, moment, ridge: ridge, name: name)
    do throws(Fault) {
      let inverse = try Cholesky(metric).solving(.identity(metric.rows))
      return try Cholesky(inverse).lowerTriangular.transposed
    } catch {
      throw error.at(tensor: name)
    }
  }
}
