import Checkpoints
import Faults
import Tensors

/// What the reader of a dialect makes of an adapter's files.
struct AdapterReading {
  var updates: [LowRankUpdate] = []
  var parts: [AdapterPart] = []
  var warnings: [Warning] = []
  /// The base that the files name.
  var baseModelName: String?
  var naming = ModuleNaming.paths
  /// The names of the family whose GGUF form the rows of updates are in the order of.
  var ggufNames: TensorNames?
  /// Whether a head that is tied to the embeddings changes with them (`ensure_weight_tying`).
  var tiesHead = false
  /// How many layers the base must have (`layer_replication`); nil for any number.
  var stackedLayerCount: Int?
  /// Numbers in tensors that are no part of a change.
  var unusedCount = 0
  /// Modules that `modules_to_save` names and the file does not hold: no harm where the base has none.
  var missingModules: [String] = []
  /// Modules whose trained rows are those of another, where the base ties them.
  var tiedTokens: [String] = []

  /// The warnings, with one for all modules where the whole adapter is dead.
  var summarised: [Warning] {
    let isZero = { (warning: Warning) in warning.kind == AdapterReading.zero }
    guard parts.isEmpty, !updates.isEmpty, warnings.filter(isZero).count == updates.count else {
      return warnings
    }
    return warnings.filter { !isZero($0) } + [
      Warning(
        AdapterReading.zero,
        "the adapter changes nothing: the updates of all its \(updates.count) modules are zero")
    ]
  }

  private static let zero = "AD-ZERO"

  /// Adds `scaling · b · a` to the weight of a linear module; 65 `VAL-RANGE` when an entry might not
  /// fit Float32.
  mutating func add(
    _ module: String, a: Matrix<Float>, b: Matrix<Float>, scaling: Double,
    relation: BaseRelation = .none
  ) throws(Fault) {
    updates.append(try update(module, a: a, b: b, scaling: scaling, relation: relation))
  }

  /// Adds `scaling · b · a` to a parameter of another kind, of `shape` or with slices of it.
  mutating func add(
    _ module: String, leaf: String = "weight", shape: [Int], slice: Int? = nil, a: Matrix<Float>,
    b: Matrix<Float>, scaling: Double
  ) throws(Fault) {
    let product = try update(module, a: a, b: b, scaling: scaling, relation: .none)
    parts.append(
      AdapterPart(
        module: module, leaf: leaf, shape: shape, slice: slice, change: .product(product)))
  }

  private mutating func update(
    _ module: String, a: Matrix<Float>, b: Matrix<Float>, scaling: Double, relation: BaseRelation
  ) throws(Fault) -> LowRankUpdate {
    guard a.rows == b.columns else {
      throw Fault(
        .badData, "AD-SHAPE",
        "factors [\(b.rows), \(b.columns)] and [\(a.rows), \(a.columns)]: ranks differ",
        tensor: module)
    }
    guard a.rows > 0, a.columns > 0, b.rows > 0 else {
      throw Fault(
        .badData, "AD-RANK", "rank \(a.rows) for a weight of [\(b.rows), \(a.columns)]",
        tensor: module)
    }
    let update = LowRankUpdate(
      moduleName: module, loraA: a, loraB: b, scaling: scaling, relation: relation)
    // |entry of ΔW| ≤ s·‖B‖·‖A‖, so below the bound nothing can overflow Float32.
    let bound = abs(scaling) * update.squaredNormBound.squareRoot()
    guard bound < Double(Float.greatestFiniteMagnitude) else {
      throw Fault(.badData, "VAL-RANGE", "overflow in B*A: norm up to \(bound)", tensor: module)
    }
    if relation == .none,
      scaling == 0 || b.elements.allSatisfy({ $0 == 0 }) || a.elements.allSatisfy({ $0 == 0 })
    {
      warnings.append(Warning(AdapterReading.zero, "the update is zero", subject: module))
    }
    return update
  }
}
