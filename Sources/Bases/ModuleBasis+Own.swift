public import Faults
import LinearAlgebra
public import Tensors

extension ModuleBasis {
  /// The directions of an update `B·A`: orthonormal columns that span those of B and of Aᵀ, by QR.
  ///
  /// In them the update is `M = R_B · R_Aᵀ` exactly, whatever the base.
  ///
  /// - Parameters:
  ///   - down: A, `[rank, inFeatures]`.
  ///   - up: B, `[outFeatures, rank]`.
  /// - Throws: 69 `BASIS-RANK` for a rank above min(outFeatures, inFeatures).
  public init(
    ownFor moduleName: String, down: Matrix<Float>, up: Matrix<Float>
  ) throws(Fault) {
    guard down.rows <= min(down.columns, up.rows) else {
      throw Fault(
        .unsupported, "BASIS-RANK",
        "an update of rank \(down.rows) has more directions than its weight",
        tensor: moduleName)
    }
    self.init(
      moduleName: moduleName, outputBasis: try QR(up.inDouble).orthonormal.inFloat,
      inputBasis: try QR(down.transposed.inDouble).orthonormal.inFloat, outputSingularValues: [],
      inputSingularValues: [], selection: .own(rank: down.rows))
  }
}
