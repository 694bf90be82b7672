import Adapters
import Bases
import Faults
import LinearAlgebra
import Tensors

/// An update and a basis, and the equations between them in Float64.
struct UpdateFactors {
  private let update: LowRankUpdate
  private let basis: ModuleBasis
  /// The equations with the identity on both sides: every fit needs them, if only for its energies.
  private let plain: Products
  /// The vectors of either side under its second moment, where there are any.
  private let sides: (output: Side, input: Side)?

  /// A side's directions and the update's vectors, and their images.
  private struct Side {
    let basis: Matrix<Double>
    let vectors: Matrix<Double>
    let images: Metric.Images

    init(
      _ basis: Matrix<Double>, _ vectors: Matrix<Double>, _ moment: SecondMoment?,
      known: Metric.Products?
    ) {
      (self.basis, self.vectors) = (basis, vectors)
      images =
        known.map { Metric.Images(basis, vectors, weighed: $0) }
        ?? Metric.Images(basis, vectors, under: Metric(moment, ridge: 0))
    }

    /// The products under `metric`, which is of the side's moment or the identity.
    func products(_ metric: Metric) -> Metric.Products {
      metric.isIdentity ? metric.products(basis, vectors) : images.products(shift: metric.shift)
    }
  }

  /// What the equations are made of, with a metric on each side: `G` on outputs, `C` on inputs.
  private struct Products {
    /// `UᵀGU`, `[outputRank, outputRank]`.
    let output: Matrix<Double>
    /// `VᵀCV`, `[inputRank, inputRank]`.
    let input: Matrix<Double>
    /// `UᵀG ΔW C V = (UᵀG sB)(A C V)`, `[outputRank, inputRank]`.
    let cross: Matrix<Double>
    /// `‖G^½ ΔW C^½‖² = ⟨s² BᵀGB, A C Aᵀ⟩`.
    let total: Double
  }

  /// The factors of `update`, and what weighs errors of them.
  ///
  /// - Parameter choice: How the directions of `basis` were chosen for `update`, all of them under `curvature`.
  init(
    _ update: LowRankUpdate, basis: ModuleBasis, curvature: Curvature? = nil,
    choice: WeighedChoice? = nil
  ) {
    self.update = update
    self.basis = basis
    sides = curvature.map {
      (
        Side(
          basis.outputBasis.inDouble, update.loraB.inDouble.scaled(by: update.scaling), $0.output,
          known: choice?.output),
        Side(
          basis.inputBasis.inDouble, update.loraA.inDouble.transposed, $0.input,
          known: choice?.input)
      )
    }
    let (u, v, a, b) = (basis.outputBasis, basis.inputBasis, update.loraA, update.loraB)
    let (scaling, grams) = (update.scaling, basis.grams)
    let (outputs, outputGram) = u.exactTransposedTimesWithGram(b)
    let (inputs, inputGram) = v.exactTransposedTimesWithGram(a, transposeOther: true)
    plain = Products(
      output: grams.output, input: grams.input,
      cross: outputs.scaled(by: scaling).times(inputs, transposeOther: true),
      total: scaling * scaling * outputGram.innerProduct(inputGram))
  }

  private func products(output: Metric, input: Metric) -> Products {
    guard let sides, !output.isIdentity || !input.isIdentity else { return plain }
    let (outputs, inputs) = (sides.output.products(output), sides.input.products(input))
    return Products(
      output: outputs.xx, input: inputs.xx,
      cross: outputs.xy.times(inputs.xy, transposeOther: true),
      total: outputs.yy.innerProduct(inputs.yy))
  }

  /// `(UᵀGU)⁻¹ (UᵀG ΔW C V) (VᵀCV)⁻¹`.
  func solve(output: Metric, input: Metric) throws(Fault) -> Matrix<Double> {
    let (rows, columns) = (basis.outputBasis.columns, basis.inputBasis.columns)
    guard rows > 0, columns > 0 else { return Matrix(rows: rows, columns: columns) }
    let products = products(output: output, input: input)
    let left = try Cholesky(products.output).solving(products.cross)
    return try Cholesky(products.input).dividing(rows: left)
  }

  /// `‖UᵀΔWV‖² / ‖ΔW‖²`; nil for an update of zero energy, of which there is no share.
  func heldEnergy() throws(Fault) -> Double? {
    guard plain.total > 0 else { return nil }
    guard basis.residualCount > 0 else {
      return plain.cross.squaredNorm / plain.total
    }
    // A residual's columns are not orthogonal to the others: of the same span, columns that are.
    let output = try QR(basis.outputBasis.inDouble).orthonormal
    let input = try QR(basis.inputBasis.inDouble).orthonormal
    let up = output.times(update.loraB.inDouble.scaled(by: update.scaling), transposeSelf: true)
    return up.times(update.loraA.inDouble.times(input)).squaredNorm / plain.total
  }

  /// `1 − ‖G^½(ΔW − U M Vᵀ)C^½‖² / ‖G^½ ΔW C^½‖²`; nil for an update of zero energy.
  ///
  /// By `error = total − 2⟨M, UᵀGΔW C V⟩ + ⟨M, (UᵀGU) M (VᵀCV)⟩`.
  func capturedEnergy(_ latent: Matrix<Double>, output: Metric, input: Metric) -> Double? {
    let products = products(output: output, input: input)
    guard products.total > 0 else { return nil }
    guard latent.rows > 0, latent.columns > 0 else { return 0 }
    let square = latent.innerProduct(products.output.times(latent).times(products.input))
    return (2 * latent.innerProduct(products.cross) - square) / products.total
  }
}
