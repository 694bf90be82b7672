import Tensors
import Testing

@Suite struct MatrixTests {
  @Test(arguments: [(0, 3), (1, 1), (33, 65), (70, 2)])
  func transposeTwiceIsIdentity(shape: (rows: Int, columns: Int)) {
    let count = shape.rows * shape.columns
    let matrix = Matrix<Float>(
      rows: shape.rows, columns: shape.columns, elements: (0..<count).map { Float($0) })
    #expect(matrix.transposed.transposed == matrix)
    if count > 0 {
      #expect(matrix.transposed[shape.columns - 1, 0] == matrix[0, shape.columns - 1])
    }
  }

  @Test func selectionsKeepTheirOrder() {
    let matrix = Matrix<Double>(rows: 2, columns: 3, elements: [1, 2, 3, 4, 5, 6])
    #expect(matrix.selectingColumns([2, 0]).elements == [3, 1, 6, 4])
    #expect(matrix.selectingRows([1, 1]).elements == [4, 5, 6, 4, 5, 6])
  }
}
