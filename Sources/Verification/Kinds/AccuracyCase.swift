import Faults
import JSON
import Pipeline
import Recipes
import Reports
import Sessions
import Tools

/// `accuracy`: an artifact on data lines, beside what was measured when it was made (`formats/golden.md` §4.12).
enum AccuracyCase {
  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let golden = context.golden
    let session = try context.workshop.session(try context.path("base"))
    let data = JobRequest.Data(
      path: try context.path("data"),
      limit: try golden.parameters["limit"].int(in: 1...1_000_000),
      skip: try golden.parameters["skip"].int(in: 0...1_000_000_000))
    let record = try EvaluationRun(session: session).run(
      data: data, adapters: [], artifacts: [try context.path("artifact")])
    guard let found = record.variants.first(where: { $0.kind == .stored }) else {
      throw Fault(.internalError, "GV-ACCURACY", "the artifact was not measured")
    }
    let expected = golden.expected
    return .measured([
      .exact("examples", differences: abs(found.n - (try expected["n"].int()))),
      Measurement(
        "accuracy", error: abs(found.accuracy - (try expected["accuracy"].double())),
        tolerance: try golden.tolerance("accuracy")),
      Measurement(
        "nll", error: abs(found.nll - (try expected["nll"].double())),
        tolerance: try golden.tolerance("nll")),
    ])
  }
}
