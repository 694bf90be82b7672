import Faults
import Tensors

/// What the reader of a dialect makes of an adapter's files.
struct AdapterReading {
  var updates: [LowRankUpdate] = []
  var warnings: [String] = []
  /// The base that the files name.
  var baseModelName: String?
  var naming = ModuleNaming.paths
  var hasInterleavedHeads = false

  /// Adds `scaling · b · a`; 65 `VAL-RANGE` when an entry might not fit Float32.
  mutating func add(
    _ module: String, a: Matrix<Float>, b: Matrix<Float>, scaling: Double
  ) throws(Fault) {
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
    let update = LowRankUpdate(moduleName: module, loraA: a, loraB: b, scaling: scaling)
    // |entry of ΔW| ≤ s·‖B‖·‖A‖, so below the bound nothing can overflow Float32.
    let bound = abs(scaling) * update.squaredNormBound.squareRoot()
    guard bound < Double(Float.greatestFiniteMagnitude) else {
      throw Fault(.badData, "VAL-RANGE", "overflow in B*A: norm up to \(bound)", tensor: module)
    }
    if b.elements.allSatisfy({ $0 == 0 }) || a.elements.allSatisfy({ $0 == 0 }) {
      warnings.append("\(Fault.escaped(module, limit: 96)): the update is zero")
    }
    updates.append(update)
  }
}
