import Adapters
import Bases
import Faults
import LinearAlgebra
import Tensors

/// An update and a basis in Float64, and the equations between them.
struct UpdateFactors {
  /// `U`, `[outFeatures, outputRank]`.
  private let outputBasis: Matrix<Double>
  /// `V`, `[inFeatures, inputRank]`.
  private let inputBasis: Matrix<Double>
  /// `s·B`, `[outFeatures, rank]`.
  private let up: Matrix<Double>
  /// `Aᵀ`, `[inFeatures, rank]`.
  private let down: Matrix<Double>
  private let residualCount: Int

  init(_ update: LowRankUpdate, basis: ModuleBasis) {
    outputBasis = basis.outputBasis.inDouble
    inputBasis = basis.inputBasis.inDouble
    up = update.loraB.inDouble.scaled(by: update.scaling)
    down = update.loraA.inDouble.transposed
    residualCount = basis.residualCount
  }

  /// `(UᵀGU)⁻¹ (UᵀG s B)(A C V) (VᵀCV)⁻¹`.
  func solve(output: Metric, input: Metric) throws(Fault) -> Matrix<Double> {
    guard outputBasis.columns > 0, inputBasis.columns > 0 else {
      return Matrix(rows: outputBasis.columns, columns: inputBasis.columns)
    }
    let weightedOutput = output.applied(to: outputBasis)
    let weightedInput = input.applied(to: inputBasis)
    let left = try Cholesky(outputBasis.times(weightedOutput, transposeSelf: true))
      .solving(weightedOutput.times(up, transposeSelf: true))
    let right = try Cholesky(inputBasis.times(weightedInput, transposeSelf: true))
      .dividing(rows: down.times(weightedInput, transposeSelf: true))
    return left.times(right)
  }

  /// `‖UᵀΔWV‖² / ‖ΔW‖²`; 1 for an update of zero energy.
  func heldEnergy() throws(Fault) -> Double {
    let total = up.times(up, transposeSelf: true).innerProduct(
      down.times(down, transposeSelf: true))
    guard total > 0 else { return 1 }
    return try orthonormal(outputBasis).times(up, transposeSelf: true)
      .times(down.times(orthonormal(inputBasis), transposeSelf: true)).squaredNorm / total
  }

  /// A basis of the same span with orthonormal columns; a residual's columns are not orthogonal to the others.
  private func orthonormal(_ basis: Matrix<Double>) throws(Fault) -> Matrix<Double> {
    residualCount == 0 ? basis : try QR(basis).orthonormal
  }

  /// `1 − ‖G^½(ΔW − U M Vᵀ)C^½‖² / ‖G^½ ΔW C^½‖²`; 1 for an update of zero energy left at zero.
  ///
  /// By `error = total − 2⟨M, UᵀGΔW C V⟩ + ⟨M, (UᵀGU) M (VᵀCV)⟩`.
  func capturedEnergy(_ latent: Matrix<Double>, output: Metric, input: Metric) -> Double {
    let weightedUp = output.applied(to: up)
    let weightedDown = input.applied(to: down)
    let total = up.times(weightedUp, transposeSelf: true)
      .innerProduct(down.times(weightedDown, transposeSelf: true))
    guard latent.rows > 0, latent.columns > 0 else { return total > 0 ? 0 : 1 }
    let cross = outputBasis.times(weightedUp, transposeSelf: true)
      .times(weightedDown.times(inputBasis, transposeSelf: true))
    let left = outputBasis.times(output.applied(to: outputBasis), transposeSelf: true)
    let right = inputBasis.times(input.applied(to: inputBasis), transposeSelf: true)
    let square = latent.innerProduct(left.times(latent).times(right))
    let captured = 2 * latent.innerProduct(cross) - square
    guard total > 0 else { return square > 0 ? -.infinity : 1 }
    return captured / total
  }
}
