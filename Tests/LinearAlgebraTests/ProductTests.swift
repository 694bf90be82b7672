import LinearAlgebra
import Tensors
import TestSupport
import Testing

@Suite struct ProductTests {
  /// The textbook triple loop, in Float64.
  private func reference(_ a: Matrix<Double>, _ b: Matrix<Double>) -> Matrix<Double> {
    var c = Matrix<Double>(rows: a.rows, columns: b.columns)
    for i in 0..<a.rows {
      for j in 0..<b.columns {
        for k in 0..<a.columns { c[i, j] += a[i, k] * b[k, j] }
      }
    }
    return c
  }

  private func random(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix<Double> {
    var generator = SeededGenerator(seed: seed)
    return Matrix(rows: rows, columns: columns, elements: generator.normals(rows * columns))
  }

  @Test(arguments: [(1, 1, 1), (3, 5, 2), (17, 4, 9), (33, 65, 31)])
  func productsAgreeWithTripleLoop(shape: (rows: Int, inner: Int, columns: Int)) {
    let a = random(shape.rows, shape.inner, seed: 1)
    let b = random(shape.inner, shape.columns, seed: 2)
    let expected = reference(a, b)
    #expect(relativeError(a.times(b).elements, expected.elements) < 1e-13)
    #expect(
      relativeError(a.transposed.times(b, transposeSelf: true).elements, expected.elements) < 1e-13)
    #expect(
      relativeError(a.times(b.transposed, transposeOther: true).elements, expected.elements)
        < 1e-13)
    let single: Matrix<Float> = a.converted().times(b.converted())
    #expect(relativeError(single.elements, expected.elements) < 1e-5)
  }

  @Test func gramIsUpperTriangleOfTransposeProduct() {
    let x = random(7, 4, seed: 3)
    let expected = reference(x.transposed, x)
    let found = x.gramOfColumns
    for i in 0..<4 {
      for j in 0..<4 { #expect(abs(found[i, j] - (j >= i ? expected[i, j] : 0)) < 1e-12) }
    }
  }

  @Test func parallelMapKeepsOrder() throws {
    let squares = try parallelMap(100, threads: 2) { $0 * $0 }
    #expect(squares == (0..<100).map { $0 * $0 })
  }
}
