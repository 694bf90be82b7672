public import Tensors

extension Matrix where Scalar == Float {
  /// Every element in Float64, exactly.
  ///
  /// Concrete so that it vectorises; the generic conversion does not specialise across targets.
  public var inDouble: Matrix<Double> {
    let count = elements.count
    let values = [Double](unsafeUninitializedCapacity: count) { target, initialized in
      elements.withUnsafeBufferPointer { source in
        for index in 0..<count { target[index] = Double(source[index]) }
      }
      initialized = count
    }
    return Matrix<Double>(rows: rows, columns: columns, elements: values)
  }
}

extension Matrix where Scalar == Double {
  /// Every element rounded to the nearest Float32.
  public var inFloat: Matrix<Float> {
    let count = elements.count
    let values = [Float](unsafeUninitializedCapacity: count) { target, initialized in
      elements.withUnsafeBufferPointer { source in
        for index in 0..<count { target[index] = Float(source[index]) }
      }
      initialized = count
    }
    return Matrix<Float>(rows: rows, columns: columns, elements: values)
  }
}

extension Matrix {
  /// The transpose of the named rows, `[columns, indices.count]`: vectors stored as rows, wanted as
  /// columns.
  @inlinable
  public func columns(fromRows indices: [Int]) -> Matrix {
    let width = indices.count
    let starts = indices.map { row in
      precondition(row >= 0 && row < rows)
      return row * columns
    }
    // In the order in which they are written: rows are read side by side.
    let values = [Scalar](unsafeUninitializedCapacity: width * columns) { target, initialized in
      elements.withUnsafeBufferPointer { source in
        for column in 0..<columns {
          for position in 0..<width {
            target[column * width + position] = source[starts[position] + column]
          }
        }
      }
      initialized = width * columns
    }
    return Matrix(rows: columns, columns: width, elements: values)
  }
}
