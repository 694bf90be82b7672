import Bases
import Checkpoints
import Faults
import JSON
import LinearAlgebra
import Tensors

/// `bases`: singular values, leading spans and leading vectors up to sign (`formats/golden.md` §4.8).
enum BasesCase {
  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let golden = context.golden
    let base = try context.workshop.base(try context.path("base"))
    let tensors = try context.tensors()
    let leading = try golden.parameters["leading"].int(in: 0...4096)
    var (valueError, spanError, vectorError) = (0.0, 0.0, 0.0)
    var comparesVectors = false
    for name in try Numbers.strings(golden.parameters["modules"]) {
      let module = try Workshop.module(name, of: base)
      let found = try SingularBasis(
        weight: try base.matrix(module.weightName), moduleName: name)
      valueError = max(
        valueError,
        Comparison.relative(found.singularValues, try tensors.doubles(name + ".singular_values")))
      guard tensors.contains(name + ".output_vectors") else { continue }
      comparesVectors = true
      guard leading <= found.count else { return .measured([.exact("directions", differences: 1)]) }
      let sides = [
        (found.outputVectors(Array(0..<leading)), "output"),
        (found.inputVectors(Array(0..<leading)), "input"),
      ]
      for (vectors, side) in sides {
        let expected = try tensors.matrix("\(name).\(side)_vectors")
        let ours = vectors.converted(to: Double.self)
        guard expected.rows == ours.rows, expected.columns == ours.columns else {
          throw Fault(.badData, "GV-SHAPE", "\(side) vectors of another shape", tensor: name)
        }
        spanError = max(spanError, try sineOfLargestAngle(ours, expected))
        vectorError = max(vectorError, worstVector(ours, expected))
      }
    }
    var measurements = [
      Measurement(
        "singular values", error: valueError, tolerance: try golden.tolerance("singularValues"))
    ]
    if comparesVectors {
      measurements += [
        Measurement("spans", error: spanError, tolerance: try golden.tolerance("span")),
        Measurement("vectors", error: vectorError, tolerance: try golden.tolerance("vectors")),
      ]
    }
    return .measured(measurements)
  }

  /// ‖Y − X(XᵀY)‖₂: the sine of the largest angle between two spans with orthonormal bases.
  private static func sineOfLargestAngle(
    _ x: Matrix<Double>, _ y: Matrix<Double>
  ) throws(Fault) -> Double {
    var rest = y
    let within = x.times(x.transposed.times(y))
    for index in rest.elements.indices { rest.elements[index] -= within.elements[index] }
    let gram = rest.transposed.times(rest)
    // The trace bounds the largest eigenvalue from above: never too kind.
    return (0..<gram.rows).reduce(0.0) { $0 + gram[$1, $1] }.squareRoot()
  }

  /// The largest |found − expected| over all entries, each pair of vectors up to its sign.
  private static func worstVector(_ found: Matrix<Double>, _ expected: Matrix<Double>) -> Double {
    var worst = 0.0
    for column in 0..<found.columns {
      let rows = 0..<found.rows
      let product = rows.reduce(0.0) { $0 + found[$1, column] * expected[$1, column] }
      let sign = product < 0 ? -1.0 : 1.0
      for row in rows {
        let difference = abs(sign * found[row, column] - expected[row, column])
        worst = difference.isFinite ? max(worst, difference) : .infinity
      }
    }
    return worst
  }
}
