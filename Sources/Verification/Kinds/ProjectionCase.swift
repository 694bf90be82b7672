import Adapters
import Bases
import Faults
import JSON
import Projection
import Tensors

/// `projection`: latents of given factors by each method (`formats/golden.md` §4.7).
enum ProjectionCase {
  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let golden = context.golden
    let tensors = try context.tensors()
    let update = LowRankUpdate(
      moduleName: golden.name, loraA: try tensors.floatMatrix("lora_A"),
      loraB: try tensors.floatMatrix("lora_B"),
      scaling: try golden.parameters["scaling"].double())
    let output = try tensors.floatMatrix("output_basis")
    let input = try tensors.floatMatrix("input_basis")
    let curvature = Curvature(
      input: try SecondMoment(tensors.floatMatrix("input_covariance")),
      output: try SecondMoment(tensors.floatMatrix("output_covariance")))
    guard update.loraA.rows == update.loraB.columns, output.rows == update.outFeatures,
      input.rows == update.inFeatures
    else { throw Fault(.badData, "GV-SHAPE", "the factors do not fit one another") }
    let basis = ModuleBasis(
      moduleName: golden.name, outputBasis: output, inputBasis: input, outputSingularValues: [],
      inputSingularValues: [],
      selection: .selected(
        output: Array(0..<output.columns), input: Array(0..<input.columns)))
    let ridge = try golden.parameters["ridge"].double()
    let tolerance = try golden.tolerance("latent")
    let energy = try golden.tolerance("energy")
    let expected = golden.expected
    var measurements = [
      Measurement(
        "squared norm",
        error: Comparison.relative([update.squaredNorm], [try expected["squaredNorm"].double()]),
        tolerance: energy)
    ]
    for name in try Numbers.strings(golden.parameters["methods"]) {
      guard let method = ProjectionMethod(rawValue: name) else {
        throw golden.parameters["methods"].fault("unknown method \(name)")
      }
      let found = try Projection.fit(
        update: update, basis: basis, curvature: curvature, method: method, ridge: ridge)
      let answer = try tensors.matrix("expected.\(name)")
      measurements.append(
        Measurement(
          name, error: Comparison.relative(found.latent.elements, answer.elements),
          tolerance: tolerance))
      guard expected["explained"].isPresent else { continue }
      let weighted = found.weightedCapturedEnergy ?? .infinity
      let plainError = abs(
        (found.capturedEnergy ?? .infinity) - (try expected["explained"][name].double()))
      let weightedError = abs(weighted - (try expected["weightedExplained"][name].double()))
      measurements.append(
        Measurement("\(name) energy", error: max(plainError, weightedError), tolerance: energy))
    }
    return .measured(measurements)
  }
}
