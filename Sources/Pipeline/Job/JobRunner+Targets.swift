import Adapters
import Artifacts
import Bases
import Evaluation
import Faults
import Foundation
import Models
import Progress
import Tensors
import Training

/// How a byte budget or a floor on retained gain becomes a rank.
extension JobRunner {
  /// Bytes kept free in a budget for the metadata that is not known before the end: how it was tuned, and
  /// what was measured.
  private var blockReserve: Int {
    (request.tuning == nil ? 0 : 300)
      + (request.evaluation == nil ? 0 : 900 + 150 * request.controls.count)
  }

  /// The largest rank whose artifact fits `bytes` whatever tuning does to the latents.
  func largestRank(
    _ projection: ProjectionStage, within bytes: Int
  ) throws(Fault) -> LatentRank {
    let choice = request.directions.choice
    func rank(_ square: Int) -> LatentRank {
      choice == .top ? LatentRank(square) : .tall(square)
    }
    func size(_ square: Int) throws(Fault) -> Int {
      let projected = try projection.run(
        rank: rank(square), choice: choice, method: request.method)
      // Tuned latents compress less than projected ones; evenly spread ones hardly at all.
      var generator = SeededGenerator(seed: request.seed, stream: 0x6275_6467_6574)
      let latents = projected.latents.map { latent in
        var spread = latent
        for index in spread.elements.indices {
          spread.elements[index] = Float(2 * generator.uniform() - 1)
        }
        return spread
      }
      return try assemble(Outcome(projected: projected, latents: latents)).encodedByteCount()
        + blockReserve
    }
    var (low, high) = (0, 1)
    while high <= 512, try size(high) <= bytes { (low, high) = (high, high * 2) }
    while high - low > 1 {
      let middle = (low + high) / 2
      if try size(middle) <= bytes { low = middle } else { high = middle }
    }
    guard low > 0 else {
      throw Fault(
        .badData, "JOB-BUDGET", "rank 1 needs \(try size(1)) bytes, the budget is \(bytes)",
        path: request.adapterPath)
    }
    return rank(low)
  }

  /// Square rank beyond which a floor on retained gain is given up.
  private static let largestTriedRank = 64

  /// Raises the rank until the retained gain on validation reaches `share`.
  func smallestRank(
    _ projection: ProjectionStage, _ data: TuningData?, share: Double, startingRank: LatentRank
  ) throws(Fault) -> Outcome {
    guard let data, !data.validation.isEmpty else {
      throw Fault(.usage, "JOB-RETAINED", "a minimum of retained gain needs validation examples")
    }
    let evaluator = Evaluator(plan: EvaluationPlan(examples: data.validation))
    let weights = try session.weights()
    let base = try evaluator.evaluate(
      DecoderPool(weights: try session.unchanged.weights(), threads: session.threads)
    ).scores
    let lora = try evaluator.evaluate(try teacher()).scores
    let gain = lora.accuracy - base.accuracy
    guard gain > 0 else {
      throw Fault(
        .badData, "JOB-RETAINED",
        String(
          format: "the LoRA gains nothing on validation: accuracy %.3f, the base %.3f",
          lora.accuracy, base.accuracy), path: request.adapterPath)
    }
    var best = (rank: startingRank, retained: -Double.infinity)
    var rank = startingRank
    repeat {
      let outcome = try convert(projection, data, rank: rank, checkpointSuffix: ".\(rank)")
      let student = StudentModel(
        weights: weights, modules: outcome.projected.modules, bases: outcome.projected.bases,
        latents: outcome.latents, threads: session.threads)
      let scores = try evaluator.evaluate(student.pool).scores
      let retained = (scores.accuracy - base.accuracy) / gain
      session.log.note(
        String(format: "rank %@ retains %.3f on validation", rank.description, retained))
      if retained >= share { return outcome }
      if retained > best.retained { best = (rank, retained) }
      rank = rank.raised
    } while rank.square <= JobRunner.largestTriedRank
    throw Fault(
      .badData, "JOB-RETAINED",
      String(
        format: "retained gain %.3f at rank %@ on validation, %.3f was asked for", best.retained,
        best.rank.description, share), path: request.adapterPath)
  }
}
