import Checkpoints
import Faults
import Tensors

/// The parts of one module of a LyCORIS network, each used once, and their exact factors
/// (`formats/adapters.md` §5).
struct NetworkParts {
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
  ///
  /// The budget must have admitted ``expansion(of:)`` of the module.
  mutating func factors() throws(Fault) -> (a: Matrix<Float>, b: Matrix<Float>, rank: Int?) {
    if entry.parts.keys.contains(where: { $0.hasPrefix("hada_") }) { return try hadamard() }
    if entry.parts.keys.contains(where: { $0.hasPrefix("lokr_") }) { return try kronecker() }
    let (a, b) = (try kernel("lora_down"), try kernel("lora_up"))
    if entry["lora_mid"] == nil { return (a, b, a.rows) }
    return (try tucker(a), b, a.rows)
  }

  /// A kernel's shape behind the channels, where it is larger than one point; nil for linear modules.
  var kernelShape: [Int]? {
    let shape = (entry["lora_mid"] ?? entry["lora_down"])?.shape.dropFirst(2) ?? []
    return shape.contains { $0 != 1 } ? Array(shape) : nil
  }

  /// A matrix, or a kernel with all dimensions but the first in one row.
  private mutating func kernel(_ part: String) throws(Fault) -> Matrix<Float> {
    used.insert(part)
    let tensor = try entry.required(part)
    return tensor.shape.count > 2 ? try source.flattened(tensor) : try source.matrix(tensor)
  }

  /// LoCon's core: `A'[a, i, …] = Σ_b mid[a, b, …] · down[b, i]`, `[r, in · kernel]`.
  private mutating func tucker(_ down: Matrix<Float>) throws(Fault) -> Matrix<Float> {
    used.insert("lora_mid")
    let tensor = try entry.required("lora_mid")
    let core = try source.flattened(tensor)
    guard tensor.shape.count > 2, tensor.shape[1] == down.rows, core.rows == down.rows,
      down.columns < 1 << 24
    else { throw shapes() }
    let (inner, size) = (down.rows, core.columns / down.rows)
    var result = Matrix<Float>(rows: core.rows, columns: down.columns * size)
    for row in 0..<core.rows {
      for input in 0..<down.columns {
        for point in 0..<size {
          var sum = 0.0
          for index in 0..<inner {
            sum += Double(core[row, index * size + point]) * Double(down[index, input])
          }
          result[row, input * size + point] = Float(sum)
        }
      }
    }
    return result
  }

  /// LoHa: `(w1a · w1b) ∘ (w2a · w2b)`, whose factors are products of columns and of rows.
  private mutating func hadamard() throws(Fault) -> (a: Matrix<Float>, b: Matrix<Float>, rank: Int?)
  {
    let first = (b: try matrix("hada_w1_a"), a: try matrix("hada_w1_b"))
    let second = (b: try matrix("hada_w2_a"), a: try matrix("hada_w2_b"))
    guard first.b.columns == first.a.rows, second.b.columns == second.a.rows,
      first.b.rows == second.b.rows, first.a.columns == second.a.columns, first.a.rows > 0
    else { throw shapes() }
    let (out, width) = (first.b.rows, first.a.columns)
    if Expansion.product(first.a.rows, second.a.rows) <= min(out, width) {
      let a = first.a.transposed.columnProducts(second.a.transposed).transposed
      return (a, first.b.columnProducts(second.b), first.a.rows)
    }
    var full = first.b.exactProduct(first.a)
    let other = second.b.exactProduct(second.a)
    for index in full.elements.indices { full.elements[index] *= other.elements[index] }
    let (a, b) = full.identityFactors
    return (a, b, first.a.rows)
  }

  /// LoKr: `w1 ⊗ w2`, each either whole or a product; `(B₁A₁) ⊗ (B₂A₂) = (B₁ ⊗ B₂)(A₁ ⊗ A₂)`.
  private mutating func kronecker() throws(Fault) -> (
    a: Matrix<Float>, b: Matrix<Float>, rank: Int?
  ) {
    let (first, firstRank) = try side("lokr_w1")
    let (second, secondRank) = try side("lokr_w2")
    if let firstRank, let secondRank, firstRank != secondRank { throw shapes() }
    return (
      first.a.kronecker(second.a), first.b.kronecker(second.b), firstRank ?? secondRank
    )
  }

  /// One side of LoKr in factors, and its rank where it is stored as a product.
  private mutating func side(
    _ name: String
  ) throws(Fault) -> (factors: (a: Matrix<Float>, b: Matrix<Float>), rank: Int?) {
    if entry[name] != nil { return (try matrix(name).identityFactors, nil) }
    let (b, a) = (try matrix(name + "_a"), try matrix(name + "_b"))
    guard b.columns == a.rows, a.rows > 0 else { throw shapes() }
    // A product may be stored with more columns than its rank can have.
    let isWide = a.rows > min(b.rows, a.columns)
    return (isWide ? b.exactProduct(a).identityFactors : (a, b), a.rows)
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

  /// Says that somebody else has read a part.
  mutating func use(_ part: String) { used.insert(part) }

  /// Refuses parts of another kind beside those that were used.
  func checkAllUsed() throws(Fault) {
    if let other = entry.parts.first(where: { !used.contains($0.key) }) {
      throw Fault(
        .badData, "AD-TENSOR", "is of another kind than the rest of its module",
        tensor: other.value.name)
    }
  }

  private func shapes() -> Fault {
    let text = entry.parts.sorted { $0.key < $1.key }.filter {
      NetworkParts.products.contains($0.key) || $0.key.hasPrefix("lora_")
    }
    .map { "\($0.key) \($0.value.shape)" }.joined(separator: ", ")
    return Fault(.badData, "AD-SHAPE", "shapes do not fit: \(text)", tensor: entry.module)
  }
}
