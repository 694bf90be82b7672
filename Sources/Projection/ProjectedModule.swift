public import Bases
public import Tensors

/// An update expressed in a module's basis.
public struct ProjectedModule: Sendable {
  /// The module's name without `.weight`.
  public let moduleName: String
  /// The directions.
  public let selection: BasisSelection
  /// `M`, orthonormal placement, `ΔW ≈ U M Vᵀ`, `[outputRank, inputRank]`.
  public let latent: Matrix<Double>
  /// `‖UᵀΔWV‖² / ‖ΔW‖²`: the share of the update's energy that the directions hold, whatever M is;
  /// nil for an update of zero, of which there is no share.
  public let heldEnergy: Double?
  /// `1 − ‖ΔW − U M Vᵀ‖² / ‖ΔW‖²`; negative where curvature led away from the plain optimum.
  public let capturedEnergy: Double?
  /// `1 − ‖G^½ (ΔW − U M Vᵀ) C^½‖² / ‖G^½ ΔW C^½‖²` with the curvature as given; nil without.
  public let weightedCapturedEnergy: Double?

  /// Assembles a result.
  public init(
    moduleName: String, selection: BasisSelection, latent: Matrix<Double>, heldEnergy: Double?,
    capturedEnergy: Double?, weightedCapturedEnergy: Double?
  ) {
    self.moduleName = moduleName
    self.selection = selection
    self.latent = latent
    self.heldEnergy = heldEnergy
    self.capturedEnergy = capturedEnergy
    self.weightedCapturedEnergy = weightedCapturedEnergy
  }
}
