import LinearAlgebra
import Tensors
import TestSupport
import Testing
import Threads

/// Products with few vectors against general ones in Float64.
@Suite struct ThinProductsTests {
  private func random(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix<Float> {
    var generator = SeededGenerator(seed: seed)
    return Matrix(
      rows: rows, columns: columns, elements: generator.normals(rows * columns).map { Float($0) })
  }

  /// Odd sizes leave rows over, counts leave places over; 600 rows are two parts.
  @Test(arguments: [(203, 130), (130, 203), (64, 64), (7, 5), (600, 20)], [1, 2])
  func gramOfAWeight(shape: (rows: Int, columns: Int), threads: Int) {
    let weight = random(shape.rows, shape.columns, seed: 31)
    for ofRows in [false, true] {
      let size = ofRows ? shape.rows : shape.columns
      let wide = weight.inDouble
      let gram = wide.times(wide, transposeSelf: !ofRows, transposeOther: ofRows)
      for count in [1, 16, 21] {
        let x = random(count, size, seed: 32)
        let before = random(count, size, seed: 33)
        var y = before.elements
        withThreads(threads) {
          ThinProducts.addGram(
            weight, ofRows: ofRows, x.elements, count: count, alpha: 2, beta: -1, into: &y)
        }
        let product = x.inDouble.times(gram).elements
        let expected = zip(product, before.elements).map { 2 * $0 - Double($1) }
        #expect(relativeError(y.map { Double($0) }, expected) < 1e-6)
      }
    }
  }

  @Test(arguments: [1, 2]) func symmetricMatrix(threads: Int) {
    let half = random(150, 150, seed: 34)
    var matrix = half
    for row in 0..<150 {
      for column in 0..<150 { matrix[row, column] = half[row, column] + half[column, row] }
    }
    let x = random(5, 150, seed: 35)
    // What is there before does not count where beta is 0, NaN included.
    var y = [Float](repeating: .nan, count: 5 * 150)
    withThreads(threads) {
      ThinProducts.add(
        symmetric: matrix.elements, size: 150, x.elements, count: 5, alpha: 1, beta: 0, into: &y)
    }
    let expected = x.inDouble.times(matrix.inDouble).elements
    #expect(relativeError(y.map { Double($0) }, expected) < 1e-6)
  }

  /// To the bit: eight sums of every eighth column, added from the first on, then the columns that are left.
  @Test(arguments: [1, 7, 8, 16, 19], [1, 8, 21])
  func productsOfRows(columns: Int, rows: Int) {
    let (x, y) = (random(rows, columns, seed: 41), random(rows, columns, seed: 42))
    let found = x.rowProducts(with: y)
    for row in 0..<rows {
      var sums = [Float](repeating: 0, count: 8)
      for column in 0..<columns / 8 * 8 { sums[column % 8] += x[row, column] * y[row, column] }
      var sum = sums[1...].reduce(sums[0], +)
      for column in columns / 8 * 8..<columns { sum += x[row, column] * y[row, column] }
      #expect(found[row] == sum)
    }
  }

  /// Sixteen vectors take a way of their own; each is what it is among others.
  @Test(arguments: [1, 15, 16, 17, 33]) func vectorsDoNotDependOnTheirNumber(count: Int) {
    let (matrix, vectors) = (random(37, 300, seed: 43), random(count, 300, seed: 44))
    let whole = matrix.thinTimes(vectors, transposeOther: true)
    #expect(matrix.thinTimes(vectors.transposed) == whole)
    for index in 0..<count {
      let one = matrix.thinTimes(vectors.selectingRows([index]), transposeOther: true)
      #expect((0..<37).map { whole[$0, index] } == one.elements)
    }
  }
}
