/// From a LoRA update to the latent matrix of a module: choosing directions, fitting in them.
///
/// Everything stays factored: `ΔW = s·B·A` is never formed. Arithmetic is in Float64. No files, no
/// models: the caller brings updates, bases and second moments.
public enum Projection {
  /// The default ridge on second moments, relative to their mean diagonal.
  public static let defaultRidge = 1e-2
}
