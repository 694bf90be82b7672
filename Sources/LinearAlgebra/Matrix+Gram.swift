import COpenBLAS
public import Tensors

extension Matrix where Scalar == Double {
  /// `XᵀX`, upper triangle only (zero below), `[columns, columns]`.
  public var gramOfColumns: Matrix<Double> {
    gram(transposed: true, size: columns, inner: rows)
  }

  /// `XXᵀ`, upper triangle only (zero below), `[rows, rows]`.
  public var gramOfRows: Matrix<Double> {
    gram(transposed: false, size: rows, inner: columns)
  }

  /// Half the work of a full product.
  private func gram(transposed: Bool, size: Int, inner: Int) -> Matrix<Double> {
    var result = Matrix<Double>(rows: size, columns: size)
    guard size > 0, inner > 0 else { return result }
    OpenBLAS.onOneThread
    cblas_dsyrk(
      CblasRowMajor, CblasUpper, transposed ? CblasTrans : CblasNoTrans, Int32(size), Int32(inner),
      1, elements, Int32(columns), 0, &result.elements, Int32(size))
    return result
  }
}
