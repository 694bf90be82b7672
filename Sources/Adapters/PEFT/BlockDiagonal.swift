import Faults
import JSON
import Tensors

/// BD-LoRA: one of the two factors is block-diagonal and stored as its blocks, one below the other
/// (`formats/peft.md` §4.7).
struct BlockDiagonal {
  private let inputs: [String]
  private let outputs: [String]
  /// The number of blocks.
  let count: Int
  private let isStrict: Bool

  /// Reads `use_bdlora`; nil where it is absent.
  ///
  /// - Throws: 65 `AD-FIELD`, 69 for a member of unknown effect.
  init?(_ field: JSONField, _ warnings: inout [Warning]) throws(Fault) {
    guard field.isPresent else { return nil }
    let known = ["target_modules_bd_a", "target_modules_bd_b", "nblocks", "match_strict"]
    for member in try field.object().members where !known.contains(member.key) {
      try PEFTConfiguration.requireInactive(member, &warnings)
    }
    inputs = try field["target_modules_bd_a"].strings()
    outputs = try field["target_modules_bd_b"].strings()
    isStrict = field["match_strict"].isPresent ? try field["match_strict"].bool() : true
    count = try field["nblocks"].int(in: 1...65_536)
  }

  /// Which factors of a module are block-diagonal, A and B.
  func sides(of module: String) -> (isInput: Bool, isOutput: Bool) {
    (inputs.contains { module.contains($0) }, outputs.contains { module.contains($0) })
  }

  /// The whole factors of a module from the stored ones.
  ///
  /// - Throws: 65 `AD-SHAPE` where rows do not divide into the blocks, `AD-FIELD` where both factors would be
  ///   block-diagonal, or neither although `match_strict` holds.
  func whole(
    a: Matrix<Float>, b: Matrix<Float>, module: String
  ) throws(Fault) -> (a: Matrix<Float>, b: Matrix<Float>) {
    let (isInput, isOutput) = sides(of: module)
    if isInput, isOutput {
      throw Fault(
        .badData, "AD-FIELD", "use_bdlora has both factors block-diagonal", tensor: module)
    }
    if isStrict, !isInput, !isOutput {
      throw Fault(
        .badData, "AD-FIELD", "use_bdlora has neither factor block-diagonal, against match_strict",
        tensor: module)
    }
    if isInput { return (try diagonal(a, module), b) }
    if isOutput { return (a, try diagonal(b, module)) }
    return (a, b)
  }

  /// Blocks `[rows / count, columns]` below each other become `[rows, columns · count]`.
  private func diagonal(
    _ stored: Matrix<Float>, _ module: String
  ) throws(Fault) -> Matrix<Float> {
    let (columns, overflow) = stored.columns.multipliedReportingOverflow(by: count)
    guard stored.rows.isMultiple(of: count), !overflow, columns <= 1 << 24 else {
      throw Fault(
        .badData, "AD-SHAPE", "[\(stored.rows), \(stored.columns)] is not \(count) blocks",
        tensor: module)
    }
    var result = Matrix<Float>(rows: stored.rows, columns: columns)
    let height = stored.rows / count
    for row in 0..<stored.rows {
      for column in 0..<stored.columns {
        result[row, row / height * stored.columns + column] = stored[row, column]
      }
    }
    return result
  }
}
