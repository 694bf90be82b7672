/// Tensor names, metadata keys and features of the payload (`formats/loraxs.md` §3, §4).
enum ArtifactNames {
  static let format = "loraxs"
  static let version = "1"
  static let metadataKey = "xspress"
  static let latents = "latents"
  static let scales = "scales"
  static let ranks = "ranks"
  static let outputIndices = "output_indices"
  static let inputIndices = "input_indices"
  static let outputValues = "output_values"
  static let inputValues = "input_values"
  static let valueChecks = "value_checks"
  static let probes = "probes"
  static let digests = "module_digests"
  static let outputBasis = ".output_basis"
  static let inputBasis = ".input_basis"
  static let residualPairs = "residual_pairs"
  static let residual = "residual"
  static let residualLatents = "residual_latents"
}

/// What a file may require of its reader (§3.2); a reader that does not know one refuses the file.
enum ArtifactFeature: String, CaseIterable {
  /// Ranks in a tensor instead of the module list.
  case ranks
  /// Proofs of the bases in fewer bytes: checks of singular values, probes in F16.
  case compactProofs = "compact-proofs"
  /// Vectors of the adapter itself beside the directions of the base.
  case residual
  /// Parameters beside the modules' updates.
  case carried
  /// No adapter that it was made from.
  case scratch
}
