/// An owned matrix, row-major, `[rows, columns]`.
///
/// Weights are `[outFeatures, inFeatures]` everywhere; activations are `[tokens, features]`.
public struct Matrix<Scalar: BinaryFloatingPoint & Sendable>: Sendable, Equatable {
  /// Number of rows.
  public let rows: Int
  /// Number of columns.
  public let columns: Int
  /// `rows · columns` elements, row after row.
  public var elements: [Scalar]

  /// A matrix over existing elements; `elements.count` must be `rows · columns`.
  @inlinable public init(rows: Int, columns: Int, elements: [Scalar]) {
    precondition(rows >= 0 && columns >= 0 && elements.count == rows * columns)
    self.rows = rows
    self.columns = columns
    self.elements = elements
  }

  /// A matrix of zeros.
  @inlinable public init(rows: Int, columns: Int) {
    self.init(rows: rows, columns: columns, elements: Array(repeating: 0, count: rows * columns))
  }

  /// The `size × size` identity.
  @inlinable public static func identity(_ size: Int) -> Matrix {
    var result = Matrix(rows: size, columns: size)
    for index in 0..<size { result[index, index] = 1 }
    return result
  }

  /// The element in row `row` and column `column`.
  @inlinable public subscript(row: Int, column: Int) -> Scalar {
    get { elements[row * columns + column] }
    set { elements[row * columns + column] = newValue }
  }

  /// The transpose, `[columns, rows]`.
  @inlinable public var transposed: Matrix {
    var result = Matrix(rows: columns, columns: rows)
    result.elements.withUnsafeMutableBufferPointer { target in
      elements.withUnsafeBufferPointer { source in
        // Blocks of 32 keep both sides in cache.
        for rowBlock in stride(from: 0, to: rows, by: 32) {
          for columnBlock in stride(from: 0, to: columns, by: 32) {
            for row in rowBlock..<min(rowBlock + 32, rows) {
              for column in columnBlock..<min(columnBlock + 32, columns) {
                target[column * rows + row] = source[row * columns + column]
              }
            }
          }
        }
      }
    }
    return result
  }

  /// The columns named by `indices`, in that order, `[rows, indices.count]`.
  @inlinable public func selectingColumns(_ indices: [Int]) -> Matrix {
    var result = Matrix(rows: rows, columns: indices.count)
    for row in 0..<rows {
      for (target, source) in indices.enumerated() {
        result.elements[row * indices.count + target] = elements[row * columns + source]
      }
    }
    return result
  }

  /// The rows named by `indices`, in that order, `[indices.count, columns]`.
  @inlinable public func selectingRows(_ indices: [Int]) -> Matrix {
    var result: [Scalar] = []
    result.reserveCapacity(indices.count * columns)
    for index in indices { result += elements[index * columns..<(index + 1) * columns] }
    return Matrix(rows: indices.count, columns: columns, elements: result)
  }

  /// The columns of `other` behind these, `[rows, columns + other.columns]`.
  @inlinable public func appending(columns other: Matrix) -> Matrix {
    precondition(rows == other.rows, "\(other.rows) rows beside \(rows)")
    var result: [Scalar] = []
    result.reserveCapacity(rows * (columns + other.columns))
    for row in 0..<rows {
      result += elements[row * columns..<(row + 1) * columns]
      result += other.elements[row * other.columns..<(row + 1) * other.columns]
    }
    return Matrix(rows: rows, columns: columns + other.columns, elements: result)
  }

  /// The rows of `other` below these, `[rows + other.rows, columns]`.
  @inlinable public func appending(rows other: Matrix) -> Matrix {
    precondition(columns == other.columns, "\(other.columns) columns below \(columns)")
    return Matrix(
      rows: rows + other.rows, columns: columns, elements: elements + other.elements)
  }

  /// Every element converted to another precision.
  @inlinable public func converted<Target: BinaryFloatingPoint & Sendable>(
    to type: Target.Type = Target.self
  ) -> Matrix<Target> {
    Matrix<Target>(rows: rows, columns: columns, elements: elements.map { Target($0) })
  }

  /// The squared Frobenius norm, summed in Float64.
  @inlinable public var squaredNorm: Double {
    elements.reduce(into: 0.0) { sum, value in sum += Double(value) * Double(value) }
  }
}
