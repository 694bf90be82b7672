public import Files

/// One adapter of a manifest with everything decided.
public struct JobPlan: Hashable, Sendable {
  /// The job's name: its folder and its artifact are called so.
  public var name: String
  /// Path of the adapter.
  public var adapterPath: String
  /// The base's key in the manifest.
  public var baseName: String
  /// Path of the base.
  public var basePath: String
  /// What to do.
  public var options: JobOptions

  /// Every file or folder the job reads.
  public var inputPaths: [String] {
    [adapterPath, basePath]
      + [
        options.calibration?.path, options.tuning?.data.path, options.tuning?.validationPath,
        options.evaluation?.path, options.openingsPath,
      ].compactMap(\.self)
  }

  /// SHA-256 over the options and the contents of the inputs, hex.
  ///
  /// Two jobs with the same digest give the same bytes. Names and places of files are no part of it,
  /// so a moved tree resumes.
  ///
  /// - Parameter inputs: Digests of the inputs by role (`adapter`, `base`, `train`, …).
  public func digest(inputs: [(role: String, digest: SHA256Digest)]) -> String {
    var text = "xspress.plan/1\n" + options.canonicalText
    for input in inputs.sorted(by: { $0.role.utf8.lexicographicallyPrecedes($1.role.utf8) }) {
      text += "input \(input.role) \(input.digest.hex)\n"
    }
    return SHA256Digest.of(Array(text.utf8)).hex
  }
}
