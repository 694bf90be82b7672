import Checkpoints
import Faults
import JSON
import Tensors

/// Reads adapters of sd-scripts and LyCORIS: LoRA, LoCon, LoHa and LoKr of linear modules
/// (`formats/adapters.md` §5).
enum KohyaReader {
  static func read(_ files: AdapterFiles) throws(Fault) -> AdapterReading {
    var reading = AdapterReading()
    reading.naming = .underscored
    reading.baseModelName = files.source.metadata["ss_base_model_version"]?.stringValue
    var table = FactorTable()
    for tensor in files.source.tensors {
      let (module, part) = try split(tensor.name)
      try table.add(tensor, module: module, part: part)
    }
    var budget = ExpansionBudget()
    var withoutAlpha = 0
    for entry in try table.ordered() {
      var parts = Parts(entry: entry, source: files.source)
      let factors = try parts.factors(&budget)
      var scaling = 1.0
      let alpha = try parts.scalar("alpha")
      if let alpha, alpha != 0, let rank = factors.rank { scaling = alpha / Double(rank) }
      if alpha == nil { withoutAlpha += 1 }
      if let scalar = try parts.scalar("scalar") { scaling *= scalar }
      guard abs(scaling) <= 1e9 else {
        throw Fault(
          .badData, "AD-ALPHA", "scaling is \(scaling), expected within ±1e9",
          tensor: entry.module)
      }
      try parts.checkAllUsed()
      try reading.add(
        dotless(entry.module), a: factors.a, b: factors.b, scaling: scaling)
    }
    if withoutAlpha > 0 {
      reading.warnings.append("\(withoutAlpha) modules have no alpha: their scale is 1")
    }
    return reading
  }

  private static let prefixes = [
    "lora_unet_", "lora_te1_", "lora_te2_", "lora_te3_", "lora_te_", "lycoris_",
  ]

  /// The module's name without the network's prefix and with underscores for dots.
  private static func dotless(_ module: String) -> String {
    let prefix = prefixes.first { module.hasPrefix($0) && module.utf8.count > $0.utf8.count }
    return String(module.dropFirst(prefix?.count ?? 0)).replacing(".", with: "_")
  }

  /// What is trained otherwise, and what its owner can do.
  private static let refusals: [String: String] = [
    "lora_mid": "a Tucker core of a convolution", "hada_t1": "a Tucker core of a convolution",
    "hada_t2": "a Tucker core of a convolution", "lokr_t2": "a Tucker core of a convolution",
    "dora_scale": "a weight decomposition (DoRA), which versions of LyCORIS normalise differently",
    "diff": "a full difference of weights", "diff_b": "a difference of biases",
    "w_norm": "a difference of a norm", "b_norm": "a difference of a norm",
    "oft_blocks": "an orthogonal adapter (OFT)", "oft_diag": "an orthogonal adapter (OFT)",
    "on_input": "an (IA)³ adapter",
  ]

  private static func split(_ name: String) throws(Fault) -> (module: String, part: String) {
    var parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let isMatrix = parts.last == "weight"
    if isMatrix { parts.removeLast() }
    guard parts.count > 1, let leaf = parts.popLast() else {
      throw Fault(.unsupported, "AD-TENSOR", "is no LyCORIS factor", tensor: name)
    }
    if let what = refusals[leaf] {
      throw Fault(
        .unsupported, "AD-TENSOR",
        "is \(what), not an update of a linear module; merge the network into the base",
        tensor: name)
    }
    let isLoRA = leaf == "lora_down" || leaf == "lora_up"
    guard
      isLoRA
        ? isMatrix
        : !isMatrix && (leaf == "alpha" || leaf == "scalar" || Parts.products.contains(leaf))
    else { throw Fault(.unsupported, "AD-TENSOR", "is no LyCORIS factor", tensor: name) }
    return (parts.joined(separator: "."), leaf)
  }
}

/// The parts of one module of a network, each used once.
private struct Parts {
  static let products: Set<String> = [
    "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "lokr_w1", "lokr_w1_a", "lokr_w1_b",
    "lokr_w2", "lokr_w2_a", "lokr_w2_b",
  ]

  let entry: FactorTable.Entry
  let source: any TensorSource
  private var used: Set<String> = []

  init(entry: FactorTable.Entry, source: any TensorSource) {
    self.entry = entry
    self.source = source
  }

  /// `b · a` and the rank that alpha is divided by; nil where alpha has no effect.
  mutating func factors(
    _ budget: inout ExpansionBudget
  ) throws(Fault) -> (a: Matrix<Float>, b: Matrix<Float>, rank: Int?) {
    if entry.parts.keys.contains(where: { $0.hasPrefix("hada_") }) { return try hadamard(&budget) }
    if entry.parts.keys.contains(where: { $0.hasPrefix("lokr_") }) { return try kronecker(&budget) }
    let (a, b) = (try matrix("lora_down"), try matrix("lora_up"))
    return (a, b, a.rows)
  }

  /// LoHa: `(w1a · w1b) ∘ (w2a · w2b)`, whose factors are products of columns and of rows.
  private mutating func hadamard(
    _ budget: inout ExpansionBudget
  ) throws(Fault) -> (a: Matrix<Float>, b: Matrix<Float>, rank: Int?) {
    let first = (b: try matrix("hada_w1_a"), a: try matrix("hada_w1_b"))
    let second = (b: try matrix("hada_w2_a"), a: try matrix("hada_w2_b"))
    guard first.b.columns == first.a.rows, second.b.columns == second.a.rows,
      first.b.rows == second.b.rows, first.a.columns == second.a.columns, first.a.rows > 0
    else { throw shapes() }
    let (out, width) = (first.b.rows, first.a.columns)
    // Ranks come from shapes of matrices in the file; their product may still be large.
    let (rank, overflow) = first.a.rows.multipliedReportingOverflow(by: second.a.rows)
    try budget.spend(
      rank: overflow ? Int.max : min(rank, out, width), outFeatures: out, inFeatures: width,
      module: entry.module)
    if rank <= min(out, width) {
      let a = first.a.transposed.columnProducts(second.a.transposed).transposed
      return (a, first.b.columnProducts(second.b), first.a.rows)
    }
    var full = first.b.exactProduct(first.a)
    let other = second.b.exactProduct(second.a)
    for index in full.elements.indices { full.elements[index] *= other.elements[index] }
    let (a, b) = Parts.split(full)
    return (a, b, first.a.rows)
  }

  /// LoKr: `w1 ⊗ w2`, each either whole or a product; `(B₁A₁) ⊗ (B₂A₂) = (B₁ ⊗ B₂)(A₁ ⊗ A₂)`.
  private mutating func kronecker(
    _ budget: inout ExpansionBudget
  ) throws(Fault) -> (a: Matrix<Float>, b: Matrix<Float>, rank: Int?) {
    let (first, firstRank) = try side("lokr_w1")
    let (second, secondRank) = try side("lokr_w2")
    let (out, tall) = first.b.rows.multipliedReportingOverflow(by: second.b.rows)
    let (width, wide) = first.a.columns.multipliedReportingOverflow(by: second.a.columns)
    let (rank, deep) = first.a.rows.multipliedReportingOverflow(by: second.a.rows)
    guard !tall, !wide, !deep else { throw shapes() }
    try budget.spend(rank: rank, outFeatures: out, inFeatures: width, module: entry.module)
    if let firstRank, let secondRank, firstRank != secondRank { throw shapes() }
    return (
      first.a.kronecker(second.a), first.b.kronecker(second.b), firstRank ?? secondRank
    )
  }

  /// One side of LoKr in factors, and its rank where it is stored as a product.
  private mutating func side(
    _ name: String
  ) throws(Fault) -> (factors: (a: Matrix<Float>, b: Matrix<Float>), rank: Int?) {
    if entry[name] != nil { return (Parts.split(try matrix(name)), nil) }
    let (b, a) = (try matrix(name + "_a"), try matrix(name + "_b"))
    guard b.columns == a.rows, a.rows > 0 else { throw shapes() }
    // A product may be stored with more columns than its rank can have.
    let isWide = a.rows > min(b.rows, a.columns)
    return (isWide ? Parts.split(b.exactProduct(a)) : (a, b), a.rows)
  }

  /// A matrix as its product with the smaller identity.
  private static func split(
    _ matrix: Matrix<Float>
  ) -> (a: Matrix<Float>, b: Matrix<Float>) {
    matrix.columns <= matrix.rows
      ? (.identity(matrix.columns), matrix) : (matrix, .identity(matrix.rows))
  }

  private mutating func matrix(_ part: String) throws(Fault) -> Matrix<Float> {
    used.insert(part)
    return try source.matrix(try entry.required(part))
  }

  /// The value of a part, nil where there is none.
  mutating func scalar(_ part: String) throws(Fault) -> Double? {
    used.insert(part)
    guard let tensor = entry[part] else { return nil }
    return try source.scalar(tensor)
  }

  /// Refuses parts of another kind beside those that were used.
  func checkAllUsed() throws(Fault) {
    if let other = entry.parts.first(where: { !used.contains($0.key) }) {
      throw Fault(
        .badData, "AD-TENSOR", "is of another kind than the rest of its module",
        tensor: other.value.name)
    }
  }

  private func shapes() -> Fault {
    let text = entry.parts.sorted { $0.key < $1.key }.filter { Parts.products.contains($0.key) }
      .map { "\($0.key) \($0.value.shape)" }.joined(separator: ", ")
    return Fault(.badData, "AD-SHAPE", "shapes do not fit: \(text)", tensor: entry.module)
  }
}
