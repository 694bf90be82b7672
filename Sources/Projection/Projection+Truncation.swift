public import Adapters
public import Faults
import LinearAlgebra
import Tensors

extension Projection {
  /// The nearest update of at most `rank`: the control to compare every basis with.
  ///
  /// `ΔW = U Σ Vᵀ` from two thin QR factorisations and one small SVD; the result holds
  /// `B = U_r Σ_r^½`, `A = Σ_r^½ V_rᵀ`, scaling 1.
  ///
  /// - Throws: `NUM-SVD`, `NUM-ARGUMENT` for values that are not finite.
  public static func truncated(
    _ update: LowRankUpdate, rank: Int
  ) throws(Fault) -> LowRankUpdate {
    do throws(Fault) {
      let svd = try SmallSVD(of: update)
      let kept = max(0, min(rank, svd.values.count))
      var down = Matrix<Double>(rows: kept, columns: update.inFeatures)
      var up = Matrix<Double>(rows: update.outFeatures, columns: kept)
      for index in 0..<kept {
        let root = svd.values[index].squareRoot()
        for column in 0..<down.columns { down[index, column] = root * svd.right[column, index] }
        for row in 0..<up.rows { up[row, index] = root * svd.left[row, index] }
      }
      return LowRankUpdate(
        moduleName: update.moduleName, loraA: down.inFloat, loraB: up.inFloat, scaling: 1)
    } catch {
      throw error.at(tensor: update.moduleName)
    }
  }

  /// The singular values of an update, descending, at most its rank of them.
  public static func singularValues(of update: LowRankUpdate) throws(Fault) -> [Double] {
    do throws(Fault) {
      return try SmallSVD(of: update).values
    } catch {
      throw error.at(tensor: update.moduleName)
    }
  }

  /// `ΔW = left · diag(values) · rightᵀ`.
  private struct SmallSVD {
    let values: [Double]
    let left: Matrix<Double>
    let right: Matrix<Double>

    init(of update: LowRankUpdate) throws(Fault) {
      let (up, outputTriangle) = try SmallSVD.orthonormalized(update.loraB.inDouble)
      let (down, inputTriangle) = try SmallSVD.orthonormalized(update.loraA.inDouble.transposed)
      let core = outputTriangle.times(inputTriangle, transposeOther: true)
        .scaled(by: update.scaling)
      let svd = try SVD(core)
      values = svd.values
      left = up.times(svd.left)
      right = down.times(svd.rightTransposed, transposeOther: true)
    }

    /// `X = Q R`; a matrix wider than tall is its own `R`.
    static func orthonormalized(
      _ matrix: Matrix<Double>
    ) throws(Fault) -> (Matrix<Double>, Matrix<Double>) {
      guard matrix.rows >= matrix.columns else { return (.identity(matrix.rows), matrix) }
      let qr = try QR(matrix)
      return (qr.orthonormal, qr.upperTriangular)
    }
  }
}
