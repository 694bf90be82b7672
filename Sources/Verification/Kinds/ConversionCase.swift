import Adapters
import Checkpoints
import Faults
import Files
import JSON
import Pipeline
import Recipes
import Sessions
import Tools

/// `conversion`: an adapter converted anew, beside the artifact of an earlier conversion (`formats/golden.md` §4.11).
enum ConversionCase {
  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let golden = context.golden
    let stored = try context.path("artifact")
    let adapter = try context.path("adapter")
    let session = try context.workshop.session(try context.path("base"))
    let recipe = try RecordedRecipe.recipe(golden.parameters["recipe"]) {
      (role) throws(Fault) in try context.path(role)
    }
    guard recipe.tuning == nil, recipe.evaluation == nil else {
      throw golden.parameters["recipe"].fault("expected a conversion without tuning or measuring")
    }
    return try TemporaryFolder.with { (folder) throws(Fault) in
      let made = Paths.join(folder, "made.loraxs")
      let request = JobRequest(
        name: golden.name, basePath: session.base.path, adapterPath: adapter, recipe: recipe,
        outputPath: made)
      _ = try JobRunner(
        session: session, request: request, adapter: try Adapter.open(adapter)
      ).run()
      return .measured(try measurements(stored, made, session, golden))
    }
  }

  private static func measurements(
    _ stored: String, _ made: String, _ session: BaseSession, _ golden: GoldenCase
  ) throws(Fault) -> [Measurement] {
    let difference = try ArtifactDifference(stored, made, session: session)
    let shapes = difference.modules.count { $0.left == nil || $0.left != $0.right }
    // A module whose update is zero on one side alone cannot be near.
    let errors = difference.modules.map { $0.relative ?? .infinity }
    let bytes = (try InputFile(stored).byteCount, try InputFile(made).byteCount)
    return [
      .exact("modules and ranks", differences: shapes),
      Measurement(
        "update of the worst module", error: errors.max() ?? 0,
        tolerance: try golden.tolerance("update")),
      Measurement(
        "bytes", error: abs(Double(bytes.1 - bytes.0)) / Double(max(bytes.0, 1)),
        tolerance: try golden.tolerance("bytes")),
    ]
  }
}
