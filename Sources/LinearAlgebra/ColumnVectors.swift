import CKernels
public import Tensors

/// Vectors of one length, each contiguous, in Float64, for updates of all of a vector's values by one factor.
public struct ColumnVectors {
  /// Values of one vector.
  public let length: Int
  private var values: [Double]

  /// No vector yet.
  public init(length: Int, capacity: Int) {
    self.length = length
    values = []
    values.reserveCapacity(length * capacity)
  }

  /// The columns of matrices of as many rows, one after another.
  public init(_ matrices: [Matrix<Double>]) {
    length = matrices.first?.rows ?? 0
    values = matrices.flatMap(\.transposed.elements)
  }

  /// How many there are.
  public var count: Int { length == 0 ? 0 : values.count / length }

  /// Puts a vector behind the others.
  public mutating func append(_ vector: [Double]) {
    precondition(vector.count == length)
    values += vector
  }

  /// The values at `index` of all vectors.
  public subscript(index: Int) -> [Double] {
    (0..<count).map { values[$0 * length + index] }
  }

  /// `Σ v[i]²` over the first `count` vectors, for every i.
  public func squaredSums(first count: Int) -> [Double] {
    precondition(count <= self.count)
    return [Double](unsafeUninitializedCapacity: length) { sums, initialized in
      vectors_square(length, count, values, sums.baseAddress)
      initialized = length
    }
  }

  /// `target −= factors[v] · v` for every vector v, in their order.
  public func subtract(_ factors: [Double], from target: inout [Double]) {
    precondition(target.count == length && factors.count == count)
    target.withUnsafeMutableBufferPointer { target in
      vectors_subtract(length, count, values, factors, target.baseAddress)
    }
  }

  /// `v −= factors[v] · other` for every vector v.
  public mutating func subtract(_ other: [Double], times factors: [Double]) {
    precondition(other.count == length && factors.count == count)
    let (length, count) = (length, count)
    values.withUnsafeMutableBufferPointer { values in
      vectors_downdate(length, count, other, factors, values.baseAddress)
    }
  }
}
