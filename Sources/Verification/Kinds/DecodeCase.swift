import Checkpoints
import Faults
import JSON
import Tensors

/// `decode`: digests, sums and first values of decoded weights (`formats/golden.md` §4.1).
enum DecodeCase {
  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let base = try context.workshop.base(try context.path("base"))
    let golden = context.golden
    var wrongShapes = 0
    var wrongDigests = 0
    var wrongValues = 0
    var sumError = 0.0
    for (name, field) in try golden.expected["tensors"].fields() {
      let shape = try Numbers.integers(field["shape"])
      let values: [Float]
      if shape.count == 1 {
        values = try base.vector(name)
        wrongShapes += values.count == shape[0] ? 0 : 1
      } else {
        let matrix = try base.matrix(name)
        values = matrix.elements
        wrongShapes += shape == [matrix.rows, matrix.columns] ? 0 : 1
      }
      wrongDigests += try base.digest(name) == (try field["sha256"].string()) ? 0 : 1
      let first = try Numbers.doubles(field["first"])
      wrongValues += Comparison.differences(values.prefix(first.count).map { Double($0) }, first)
      let sum = values.reduce(0.0) { $0 + Double($1) }
      let expected = try field["sum"].double()
      sumError = max(sumError, abs(sum - expected) / max(abs(expected), 1))
    }
    return .measured([
      .exact("shapes", differences: wrongShapes),
      .exact("digests", differences: wrongDigests),
      .exact("first values", differences: wrongValues),
      Measurement("sum", error: sumError, tolerance: try golden.tolerance("sum")),
    ])
  }
}
