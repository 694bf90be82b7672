public import Files

/// One entry of a manifest with everything decided.
public struct JobPlan: Hashable, Sendable {
  /// The job's name: its folder and its artifact are called so.
  public var name: String
  /// Path of the adapter; nil where the job starts from nothing.
  public var adapterPath: String?
  /// The base's key in the manifest.
  public var baseName: String
  /// Path of the base.
  public var basePath: String
  /// What to do.
  public var recipe: Recipe

  /// A plan.
  package init(
    name: String, adapterPath: String?, baseName: String, basePath: String, recipe: Recipe
  ) {
    self.name = name
    self.adapterPath = adapterPath
    self.baseName = baseName
    self.basePath = basePath
    self.recipe = recipe
  }

  /// Every file or folder the job reads.
  public var inputPaths: [String] {
    [adapterPath, basePath].compactMap(\.self) + recipe.inputs.map(\.path)
  }

  /// What the digests of plans begin with; another word where their lines change.
  public static let schema = "xspress.plan/2"

  /// SHA-256 over the recipe and the contents of the inputs, hex.
  ///
  /// Two jobs with the same digest give the same bytes. Names and places of files are no part of it,
  /// so a moved tree resumes.
  ///
  /// - Parameter inputs: Digests of the inputs by role (`adapter`, `base`, `tune.data`, …).
  public func digest(inputs: [(role: String, digest: SHA256Digest)]) -> String {
    var text = JobPlan.schema + "\n" + recipe.canonicalText()
    for input in inputs.sorted(by: { $0.role.utf8.lexicographicallyPrecedes($1.role.utf8) }) {
      text += "input \(input.role) \(input.digest.hex)\n"
    }
    return SHA256Digest.of(Array(text.utf8)).hex
  }
}
