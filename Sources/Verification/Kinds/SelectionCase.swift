import Adapters
import Bases
import Faults
import JSON
import Projection
import Tensors

/// `selection`: the directions found hold at least what the described search finds
/// (`formats/golden.md` §4.10).
enum SelectionCase {
  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let golden = context.golden
    let tensors = try context.tensors()
    let weight = try tensors.floatMatrix("weight")
    let update = LowRankUpdate(
      moduleName: golden.name, loraA: try tensors.floatMatrix("lora_A"),
      loraB: try tensors.floatMatrix("lora_B"), scaling: 1)
    // The ridge is added here, so that choice, fit and energy share one metric.
    let ridge = try golden.parameters["ridge"].double()
    let curvature = Curvature(
      input: try SecondMoment(ridged(try tensors.floatMatrix("input_covariance"), ridge)),
      output: try SecondMoment(ridged(try tensors.floatMatrix("output_covariance"), ridge)))
    let rank = try golden.parameters["rank"].int(in: 1...64)
    let basis = try SingularBasis(weight: weight, moduleName: golden.name)
    let metrics = [
      ("plain", ProjectionMethod.projected, nil), ("kfac", .kfac, curvature),
    ]
    var measurements: [Measurement] = []
    for (name, method, weights) in metrics {
      let selection = try Projection.select(
        update: update, basis: basis, curvature: weights, rank: LatentRank(rank), ridge: 0)
      let isWithin = selection.outputRank <= rank && selection.inputRank <= rank
      let fit = try Projection.fit(
        update: update, basis: try basis.moduleBasis(for: selection), curvature: weights,
        method: method, ridge: 0)
      let found = fit.weightedCapturedEnergy ?? fit.capturedEnergy ?? -.infinity
      let expected = try golden.expected[name]["method"].double()
      measurements.append(.exact("\(name) rank", differences: isWithin ? 0 : 1))
      measurements.append(
        Measurement(
          "\(name) shortfall", error: max(0, expected - found),
          tolerance: try golden.tolerance(name)))
    }
    return .measured(measurements)
  }

  private static func ridged(_ moment: Matrix<Float>, _ ridge: Double) -> Matrix<Float> {
    var result = moment
    let diagonal = (0..<min(moment.rows, moment.columns)).map { Double(moment[$0, $0]) }
    let shift = ridge * diagonal.reduce(0, +) / Double(max(diagonal.count, 1))
    for index in diagonal.indices { result[index, index] = Float(diagonal[index] + shift) }
    return result
  }
}
