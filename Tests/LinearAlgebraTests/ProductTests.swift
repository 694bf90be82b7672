import LinearAlgebra
import Tensors
import TestSupport
import Testing
import Threads

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

  /// Panels of a large result are the same bits whoever shares them.
  @Test func panelsChangeNothing() {
    var generator = SeededGenerator(seed: 5)
    let a = Matrix(rows: 200, columns: 1300, elements: generator.normals(200 * 1300))
    let b = Matrix(rows: 200, columns: 300, elements: generator.normals(200 * 300))
    let single = withThreads(1) { a.times(b, transposeSelf: true) }
    let shared = withThreads(16) { a.times(b, transposeSelf: true) }
    #expect(shared == single)
    #expect(relativeError(single.elements, a.transposed.times(b).elements) < 1e-14)
  }
}
