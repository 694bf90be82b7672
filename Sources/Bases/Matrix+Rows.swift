import LinearAlgebra
import Tensors

/// Row-wise helpers for matrices that hold one vector per row.
extension Matrix where Scalar == Double {
  /// The first `count` rows.
  func prefix(rows count: Int) -> Matrix<Double> {
    count == rows
      ? self
      : Matrix(rows: count, columns: columns, elements: Array(elements.prefix(count * columns)))
  }

  /// Divides every row by its Euclidean norm and returns the norms.
  ///
  /// Zero rows stay zero.
  mutating func normalizeRows() -> [Double] {
    var norms: [Double] = []
    norms.reserveCapacity(rows)
    let width = columns
    elements.withUnsafeMutableBufferPointer { values in
      for start in stride(from: 0, to: rows * width, by: max(width, 1)) {
        var sum = 0.0
        for index in start..<start + width { sum += values[index] * values[index] }
        let norm = sum.squareRoot()
        let scale = norm > 0 ? 1 / norm : 0
        for index in start..<start + width { values[index] *= scale }
        norms.append(norm)
      }
    }
    return norms
  }

  /// Multiplies row `i` by `factors[i]`.
  mutating func scaleRows(by factors: [Double]) {
    precondition(factors.count == rows)
    let width = columns
    elements.withUnsafeMutableBufferPointer { values in
      for (row, factor) in factors.enumerated() {
        for index in row * width..<(row + 1) * width { values[index] *= factor }
      }
    }
  }

  /// `‖self[row] − factor · other[row]‖`.
  func distance(row: Int, to other: Matrix<Double>, scaledBy factor: Double) -> Double {
    elements.withUnsafeBufferPointer { a in
      other.elements.withUnsafeBufferPointer { b in
        var sum = 0.0
        for index in row * columns..<(row + 1) * columns {
          let difference = a[index] - factor * b[index]
          sum += difference * difference
        }
        return sum.squareRoot()
      }
    }
  }

  /// The largest entry of `|X Xᵀ − I|` for rows that should be orthonormal.
  var orthogonalityDefect: Double {
    let product = gramOfRows
    var worst = 0.0
    for row in 0..<rows {
      for column in row..<rows {
        let defect = abs(product.elements[row * rows + column] - (row == column ? 1 : 0))
        if defect.isNaN { return .nan }
        worst = max(worst, defect)
      }
    }
    return worst
  }
}
