import LinearAlgebra
import Tensors
import TestSupport
import Testing

/// Updates of several vectors against loops, to the bit: lengths that leave values over behind the last block.
@Suite struct ColumnVectorsTests {
  @Test(arguments: [1, 31, 32, 33, 100], [0, 1, 5])
  func updates(length: Int, count: Int) {
    var generator = SeededGenerator(seed: 41)
    let matrix = Matrix<Double>(
      rows: length, columns: count, elements: generator.normals(length * count))
    var columns = (0..<count).map { column in (0..<length).map { matrix[$0, column] } }
    var vectors = ColumnVectors(length: length, capacity: count)
    for column in columns { vectors.append(column) }
    #expect(vectors.count == count)
    if count > 0 { #expect(ColumnVectors([matrix])[0] == vectors[0]) }

    let (factors, other) = (generator.normals(count), generator.normals(length))
    var (target, expected) = (other, other)
    vectors.subtract(factors, from: &target)
    for (column, factor) in zip(columns, factors) {
      for index in 0..<length { expected[index] -= factor * column[index] }
    }
    #expect(target == expected)

    vectors.subtract(other, times: factors)
    for (place, factor) in factors.enumerated() {
      for index in 0..<length { columns[place][index] -= factor * other[index] }
    }
    for index in 0..<length { #expect(vectors[index] == columns.map { $0[index] }) }

    for first in 0...count {
      let sums = (0..<length).map { index in
        columns.prefix(first).reduce(0.0) { $0 + $1[index] * $1[index] }
      }
      #expect(vectors.squaredSums(first: first) == sums)
    }
  }
}
