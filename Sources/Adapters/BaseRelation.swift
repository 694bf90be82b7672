/// What a pair of factors leaves unsaid without the weight W of its base (`formats/peft.md` §5).
///
/// ``Adapter/resolved(magnitudes:threads:weight:)`` turns every relation into a plain change of W.
public enum BaseRelation: Sendable, Hashable {
  /// Nothing: `ΔW = s·B·A`.
  case none
  /// DoRA's m, `[outFeatures]`: `W' = diag(m / ‖W + s·B·A‖) (W + s·B·A)`, norms of rows.
  case magnitudes([Float])
  /// PiSSA: the base lost its first r singular components, `ΔW = s·B·A − U_r Σ_r V_rᵀ`.
  case withoutPrincipal(Int)
  /// OLoRA: the base lost s times the first r columns and rows of W = Q·R, `ΔW = s·(B·A − Q_r R_r)`.
  case withoutLeadingQR(Int)
  /// KaSA: the base lost its last r singular components.
  case withoutSmallest(Int)
  /// LoRA-XS: the update is whole, but its frozen factors, B here `[outFeatures, r]`, row-major, tell whether this is
  /// the base that they were taken from: `A = Bᵀ·W`, or `B = W·Aᵀ` where σ is on the other side.
  case frozen([Float])
  /// VeRA: A is shared by modules of all widths; a module's are its first inFeatures columns. Plain once it is matched.
  case leadingColumns
}
