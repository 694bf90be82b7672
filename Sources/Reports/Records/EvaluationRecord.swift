/// The measurement of several variants on the same examples: `xspress.evaluation/1`
/// (`formats/evaluation.md`).
public struct EvaluationRecord: Hashable, Sendable {
  /// The examples that were used.
  public struct DataSource: Hashable, Sendable {
    /// Path of the JSONL file.
    public var path: String
    /// SHA-256 of the whole file, hex.
    public var sha256: String
    /// Number of examples used.
    public var n: Int
    /// Examples at the start of the file that were passed over.
    public var skipped: Int

    /// Creates a data source.
    public init(path: String, sha256: String, n: Int, skipped: Int = 0) {
      self.path = path
      self.sha256 = sha256
      self.n = n
      self.skipped = skipped
    }
  }

  /// The examples that were used.
  public var data: DataSource

  /// `500 examples`, `500 examples behind the first 500`, `500 examples, in bfloat16`.
  public var extent: String { extent(of: nil) }

  /// The same with the path, as `name` writes it: `500 examples of test.jsonl, in bfloat16`.
  package func extent(of name: String?) -> String {
    "\(data.n) examples" + (data.skipped > 0 ? " behind the first \(data.skipped)" : "")
      + (name.map { " of \($0)" } ?? "") + (isRounded ? ", in bfloat16" : "")
  }

  /// The variants by kind: base, LoRAs, start, tuned, artifacts, controls; of one kind as measured.
  public var variants: [VariantResult]
  /// Comparisons between variants, by index.
  public var pairs: [PairResult]
  /// Whether products were rounded to bfloat16, and not in Float32.
  public var isRounded: Bool

  /// Creates a record.
  public init(
    data: DataSource, variants: [VariantResult], pairs: [PairResult] = [], isRounded: Bool = false
  ) {
    self.data = data
    self.variants = variants
    self.pairs = pairs
    self.isRounded = isRounded
  }

  /// Sets the size of the variants of one kind.
  public mutating func setBytes(_ bytes: Int, of kind: VariantResult.Kind) {
    for index in variants.indices where variants[index].kind == kind {
      variants[index].bytes = bytes
    }
  }

  /// Whether variants were compared with a LoRA, as KL and agreement are.
  public var hasTeacher: Bool { variants.contains { $0.klToTeacher != nil } }

  /// The first variant of `kind`.
  public func first(_ kind: VariantResult.Kind) -> VariantResult? {
    variants.first { $0.kind == kind }
  }
}
