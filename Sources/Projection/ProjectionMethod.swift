/// How the latent matrix is first set, before any training.
public enum ProjectionMethod: String, Sendable, Hashable, CaseIterable {
  /// All zeros: the base model.
  case zero
  /// Normal numbers so small that they are nearly that, as in the paper: for a start from nothing.
  case normal
  /// The nearest update in the Frobenius norm.
  case projected
  /// The nearest module output over the calibration inputs (`C`).
  case calibrated
  /// The same, with output errors weighed by how much they move the loss (`C` and `G`).
  case kfac
}
