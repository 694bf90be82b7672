import LinearAlgebra
import Tensors
import Testing

/// Products of Float32 factors in Float64 against plain loops.
@Suite struct ExactProductTests {
  private func random(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix<Float> {
    var generator = SeededGenerator(seed: seed)
    return Matrix(
      rows: rows, columns: columns, elements: generator.normals(rows * columns).map { Float($0) })
  }

  @Test(arguments: [(1, 1, 1), (16, 16, 64), (5, 37, 200), (33, 17, 129), (16, 3, 1000)])
  func everyOrientation(shape: (m: Int, n: Int, k: Int)) {
    let (m, n, k) = shape
    let (x, y) = (random(m, k, seed: 1), random(k, n, seed: 2))
    var expected = Matrix<Double>(rows: m, columns: n)
    for row in 0..<m {
      for column in 0..<n {
        expected[row, column] = (0..<k).reduce(0) {
          $0 + Double(x[row, $1]) * Double(y[$1, column])
        }
      }
    }
    let found = [
      x.exactTimes(y), x.transposed.exactTimes(y, transposeSelf: true),
      x.exactTimes(y.transposed, transposeOther: true),
      x.transposed.exactTimes(y.transposed, transposeSelf: true, transposeOther: true),
    ]
    for result in found {
      for (a, b) in zip(result.elements, expected.elements) { #expect(abs(a - b) < 1e-11) }
    }
  }

  @Test(arguments: [(1, 1, 1), (16, 16, 64), (5, 16, 200), (8, 3, 65), (33, 17, 129), (0, 4, 7)])
  func aProductWithItsGramIsTheTwoProducts(shape: (m: Int, n: Int, k: Int)) {
    let (m, n, k) = shape
    let (x, y) = (random(k, m, seed: 1), random(k, n, seed: 2))
    let (product, gram) = (
      x.exactTimes(y, transposeSelf: true), y.exactTimes(y, transposeSelf: true)
    )
    let found = [
      x.exactTransposedTimesWithGram(y),
      x.exactTransposedTimesWithGram(y.transposed, transposeOther: true),
      x.transposed.exactTransposedTimesWithGram(y, transposeSelf: true),
    ]
    for pair in found {
      #expect(pair.product.elements == product.elements)
      #expect(pair.gram.elements == gram.elements)
    }
  }

  @Test func emptyFactorsGiveZeros() {
    let found = Matrix<Float>(rows: 2, columns: 0).exactTimes(Matrix<Float>(rows: 0, columns: 3))
    #expect(found.elements == [Double](repeating: 0, count: 6))
  }
}
