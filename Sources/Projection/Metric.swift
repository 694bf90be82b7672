import Faults
import LinearAlgebra
import Tensors

/// One side's weight of errors: `S = X + λ·mean(diag X)·I`, or the identity.
///
/// The ridge is part of the matrix wherever it occurs, so a larger one leads to plain projection and
/// not to zero (`formats/loraxs.md` names the method; the formula is in `Projection.fit`).
struct Metric {
  /// nil stands for the identity.
  private let matrix: Matrix<Double>?
  private let shift: Double

  /// A metric from a second moment; an all-zero moment says nothing and counts as the identity.
  init(_ moment: Matrix<Float>?, ridge: Double) {
    guard let moment else {
      matrix = nil
      shift = 1
      return
    }
    precondition(moment.rows == moment.columns, "a second moment is square")
    var trace = 0.0
    for index in 0..<moment.rows { trace += Double(moment[index, index]) }
    guard trace > 0 else {
      matrix = nil
      shift = 1
      return
    }
    matrix = moment.inDouble
    shift = ridge * trace / Double(moment.rows)
  }

  /// Whether errors are weighed alike.
  var isIdentity: Bool { matrix == nil }

  /// `S · X` for `X` `[features, count]`.
  func applied(to columns: Matrix<Double>) -> Matrix<Double> {
    guard let matrix else { return columns }
    var result = matrix.times(columns)
    for index in result.elements.indices {
      result.elements[index] += shift * columns.elements[index]
    }
    return result
  }

  /// `X · S` for `X` `[count, features]`.
  func applied(toRows rows: Matrix<Double>) -> Matrix<Double> {
    guard let matrix else { return rows }
    var result = rows.times(matrix)
    for index in result.elements.indices {
      result.elements[index] += shift * rows.elements[index]
    }
    return result
  }

  /// `Sᵢᵢ`.
  func diagonal(_ index: Int) -> Double { (matrix?[index, index] ?? 0) + shift }

  /// Adds `factor` times row `index` of S to `target` `[features]`.
  func addRow(_ index: Int, times factor: Double, to target: inout [Double]) {
    if let matrix {
      let start = index * matrix.columns
      matrix.elements.withUnsafeBufferPointer { source in
        target.withUnsafeMutableBufferPointer { target in
          for column in target.indices { target[column] += factor * source[start + column] }
        }
      }
    }
    target[index] += factor * shift
  }

  /// `XᵀSX` `[columns, columns]` of a basis `X` `[features, columns]` under the metric of `moment`.
  ///
  /// - Throws: `PROJ-SHAPE` naming the module where the moment does not fit the basis.
  static func within(
    _ basis: Matrix<Float>, _ moment: Matrix<Float>, ridge: Double, name: String
  ) throws(Fault) -> Matrix<Double> {
    guard moment.rows == basis.rows, moment.columns == basis.rows else {
      throw Fault(
        .badData, "PROJ-SHAPE",
        "a second moment of \(moment.rows)x\(moment.columns) for \(basis.rows) features",
        tensor: name)
    }
    let columns = basis.inDouble
    return columns.times(Metric(moment, ridge: ridge).applied(to: columns), transposeSelf: true)
  }
}
