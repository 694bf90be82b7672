public import Adapters
public import Bases
public import Faults
import LinearAlgebra
public import Tensors

extension Projection {
  /// The latent matrix that best expresses `update` in `basis`.
  ///
  /// `projected`: `M = (UᵀB)(AV)·s`, the Frobenius optimum. `calibrated`:
  /// `M = (UᵀΔW C V)(VᵀCV)⁻¹`, which minimises `E‖(ΔW − U M Vᵀ)x‖²`. `kfac`:
  /// `M = (UᵀGU)⁻¹(UᵀGΔW C V)(VᵀCV)⁻¹`, which weighs output errors by `G` too. The ridge is added to
  /// `C` and `G` themselves, so it shrinks the answer towards `projected`.
  ///
  /// - Parameters:
  ///   - update: `A` `[rank, inFeatures]`, `B` `[outFeatures, rank]`, `s`.
  ///   - basis: `U` `[outFeatures, outputRank]`, `V` `[inFeatures, inputRank]`.
  ///   - ridge: relative to each moment's mean diagonal.
  ///   - choice: how the directions of `basis`, all of them, were chosen for this update under this curvature: products
  ///     that it made are not made again.
  /// - Throws: `PROJ-SHAPE` where update, basis, curvature and choice disagree; `PROJ-CURVATURE` where the
  ///   method needs a moment that is missing; `NUM-DEFINITE` where a system cannot be solved.
  /// - Complexity: for moments of n rows, O(n·outFeatures·(rank + outputRank) + n·inFeatures·(rank + inputRank)).
  public static func fit(
    update: LowRankUpdate, basis: ModuleBasis, curvature: Curvature? = nil,
    method: ProjectionMethod, ridge: Double = Projection.defaultRidge,
    choice: WeighedChoice? = nil
  ) throws(Fault) -> ProjectedModule {
    try checkShapes(
      update, outFeatures: basis.outputBasis.rows, inFeatures: basis.inputBasis.rows, curvature)
    let isChosen = choice.map {
      ($0.selection == basis.selection || $0.selection.isEmpty && basis.selection.isEmpty)
        && basis.residualCount == 0
    }
    guard isChosen ?? true else {
      throw Fault(
        .internalError, "PROJ-SHAPE", "the basis is not what was chosen", tensor: update.moduleName)
    }
    let usesInput = method == .calibrated || method == .kfac
    guard !usesInput || curvature?.input != nil,
      method != .kfac || curvature?.output != nil
    else {
      throw Fault(
        .internalError, "PROJ-CURVATURE", "method \(method.rawValue) needs second moments",
        tensor: update.moduleName)
    }
    let factors = UpdateFactors(update, basis: basis, curvature: curvature, choice: choice)
    let latent: Matrix<Double>
    do throws(Fault) {
      latent =
        method == .zero
        ? Matrix(rows: basis.outputBasis.columns, columns: basis.inputBasis.columns)
        : try factors.solve(
          output: Metric(method == .kfac ? curvature?.output : nil, ridge: ridge),
          input: Metric(usesInput ? curvature?.input : nil, ridge: ridge))
    } catch {
      throw error.at(tensor: update.moduleName)
    }
    return ProjectedModule(
      moduleName: update.moduleName, selection: basis.selection, latent: latent,
      heldEnergy: try factors.heldEnergy(),
      capturedEnergy: factors.capturedEnergy(
        latent, output: Metric(nil, ridge: 0), input: Metric(nil, ridge: 0)),
      weightedCapturedEnergy: curvature.flatMap {
        factors.capturedEnergy(
          latent, output: Metric($0.output, ridge: 0),
          input: Metric($0.input, ridge: 0))
      })
  }

  /// `‖UᵀΔWV‖² / ‖ΔW‖²`: the share of the update's energy that `basis` holds; nil for an update of none.
  public static func heldEnergy(
    of update: LowRankUpdate, basis: ModuleBasis
  ) throws(Fault) -> Double? {
    try UpdateFactors(update, basis: basis).heldEnergy()
  }

  /// Energies of any latent matrix in `basis`, for instance a tuned or a quantised one.
  ///
  /// - Returns: `1 − error/total`, plain and curvature-weighted, as in ``ProjectedModule``; nil where the update has no energy.
  public static func capturedEnergy(
    of latent: Matrix<Double>, update: LowRankUpdate, basis: ModuleBasis, curvature: Curvature?
  ) throws(Fault) -> (plain: Double?, weighted: Double?) {
    try checkShapes(
      update, outFeatures: basis.outputBasis.rows, inFeatures: basis.inputBasis.rows, curvature)
    let factors = UpdateFactors(update, basis: basis, curvature: curvature)
    let plain = factors.capturedEnergy(
      latent, output: Metric(nil, ridge: 0), input: Metric(nil, ridge: 0))
    let weighted = curvature.flatMap {
      factors.capturedEnergy(
        latent, output: Metric($0.output, ridge: 0),
        input: Metric($0.input, ridge: 0))
    }
    return (plain, weighted)
  }

  /// The mean share of energy that is not captured in `moduleCount` modules, of which some capture the shares `captured` and
  /// the others nothing.
  public static func missingEnergy(captured: [Double], of moduleCount: Int) -> Double {
    1 - captured.reduce(0, +) / Double(max(moduleCount, 1))
  }

  /// Refuses parts of different modules.
  static func checkShapes(
    _ update: LowRankUpdate, outFeatures: Int, inFeatures: Int, _ curvature: Curvature?
  ) throws(Fault) {
    let input = curvature?.input
    let output = curvature?.output
    guard update.outFeatures == outFeatures, update.inFeatures == inFeatures,
      input.map({ $0.features == inFeatures }) ?? true,
      output.map({ $0.features == outFeatures }) ?? true
    else {
      throw Fault(
        .badData, "PROJ-SHAPE",
        "the update is \(update.outFeatures)x\(update.inFeatures), the base weight "
          + "\(outFeatures)x\(inFeatures)", tensor: update.moduleName)
    }
  }
}
