import Adapters
import Bases
import Checkpoints
import Evaluation
import Models
import Pipeline
import PipelineSupport
import Progress
import Projection
import Recipes
import Sessions
import TestSupport
import Testing

/// A job's teacher and what `evaluate` measures are one model, the exact DoRA one, whatever the conversion's target.
@Suite struct DoRATeacherTests {
  @Test(arguments: MagnitudeHandling.allCases)
  func theTeacherIsTheExactModel(magnitudes: MagnitudeHandling) throws {
    let (base, path) = (TinyLlama.folder, Checkout.path("golden/adapters_variants/dora"))
    try withTemporaryDirectory { folder in
      let session = try BaseSession(
        path: base, cacheDirectory: nil, threads: 2, log: ProgressLog(style: .none))
      var request = JobRequest(
        name: "a", basePath: base, adapterPath: path, target: .rank(2), method: .projected,
        outputPath: folder + "/a.loraxs")
      request.magnitudes = magnitudes
      let examples = (0..<16).map { (row: Int32) -> TokenizedExample in
        let prompt: [Int32] = [row, 2 * row + 1, 60 - row, 17]
        return TokenizedExample(prompt: prompt, completion: [row])
      }
      let evaluator = Evaluator(plan: EvaluationPlan(examples: examples))
      let exact = try MatchedAdapter(
        try Adapter.open(path), base: session.base, magnitudes: .keep)
      let measured = try evaluator.evaluate(
        DecoderPool(
          weights: try session.changed(by: exact.parts).weights(),
          updates: exact.decoderUpdates(layerCount: session.base.configuration.layerCount),
          threads: 2))
      let teacher = try evaluator.evaluate(
        #require(try JobRunner(session: session, request: request).job.teacher()),
        teacher: measured.hidden)
      let plain = try evaluator.evaluate(
        DecoderPool(weights: try session.weights(), threads: 2), teacher: measured.hidden)
      let (own, others) = (
        try #require(teacher.scores.divergence), try #require(plain.scores.divergence)
      )
      // Kernels that round otherwise leave 2e-8 of 0.77.
      #expect(others > 0.1 && own < 1e-6 * others, "\(own) beside \(others)")
      let (a, b) = (teacher.scores, measured.scores)
      #expect(abs(a.negativeLogLikelihood - b.negativeLogLikelihood) < 1e-5)
    }
  }
}
