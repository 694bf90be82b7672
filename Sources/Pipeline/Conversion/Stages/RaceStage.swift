import Artifacts
import Bases
import Evaluation
package import Faults
import Foundation
import Progress
import Projection
import Ranks
import Recipes
package import Reports
import Sessions
import Training

/// The best of several starts, by a short race on rows that judge nothing later.
///
/// Successive halving: all of them are tuned for a few steps of a schedule of their own, the better half for twice as
/// many, until one is left. Learning rates are no candidates: in so few steps large ones look better than they are. What
/// nothing tunes is compared once.
package struct RaceStage: Stage {
  package static let name: String? = "race"

  /// Rows of the race at most: a comparison with itself needs few.
  private static let mostRows = 96

  /// Steps of a first round of `count` starts: all rounds, and what measuring costs, are a third of the job's.
  package static func firstRound(_ steps: Int, of count: Int) -> Int {
    var (left, factor, rounds) = (count, 1, 0)
    while left > 1 {
      rounds += left * factor
      (left, factor) = (left / 2, factor * 2)
    }
    return max(2, 2 * steps / (7 * max(rounds, 1)))
  }

  package init() {}

  package func isNeeded(
    for input: (starts: [Start], size: JobSize, rows: JobRows?), in job: JobContext
  ) -> Bool {
    input.starts.count > 1
  }

  /// The winner and how it won; of one start alone, how an interrupted run decided on it, if one did.
  package func run(
    _ input: (starts: [Start], size: JobSize, rows: JobRows?), in job: JobContext
  ) throws(Fault) -> (start: Start, race: RaceRecord?) {
    let file = try RaceFile(job, size: input.size, rows: input.rows)
    guard input.starts.count > 1 else {
      let decision = try file.decision()
      if let decision { job.session.log.note("form \(decision.form.rawValue), as decided before") }
      return (input.starts[0], decision?.race)
    }
    let found: (winner: Start, race: RaceRecord)
    if let tuning = job.request.tuning, let data = input.rows?.tuning, !data.validation.isEmpty {
      found = try raced(input.starts, tuning, data, job)
      if job.session.ranks.isFirst { try file.keep(found.race) }
    } else {
      let rows = try job.rowsBehindCalibration(RaceStage.mostRows, role: "race")
      found = try compared(input.starts, rows, job)
    }
    job.session.log.note("form \(found.winner.name): \(found.winner.size)")
    return (found.winner, found.race)
  }

  // MARK: - Rounds of tuning

  private func raced(
    _ starts: [Start], _ tuning: JobRequest.Tuning, _ data: TuningData, _ job: JobContext
  ) throws(Fault) -> (winner: Start, race: RaceRecord) {
    let rows = Array(data.validation.prefix(RaceStage.mostRows))
    let short = TuningData(
      training: data.training, validation: rows, teacher: try job.teacher(),
      store: try job.teacherStore(), ranks: job.session.ranks)
    var (left, entries): ([Start], [RaceRecord.Entry]) = (starts, [])
    var steps = RaceStage.firstRound(tuning.options.steps, of: starts.count)
    var round = 0
    while left.count > 1 {
      round += 1
      let results = try left.map { (start) throws(Fault) -> (loss: Double, seconds: Double) in
        let began = Date()
        var run = TuningRun(start, tuning)
        run.title = "race \(round): \(start.name)"
        run.shorten(to: steps)
        do throws(Fault) {
          let result = try run.run(on: short, in: job)
          return (result.validationLoss, Date().timeIntervalSince(began))
        } catch  where error.code == "NUM-DIVERGE" {
          return (.infinity, Date().timeIntervalSince(began))
        }
      }
      let kept = RaceStage.best(results.map(\.loss), count: left.count / 2)
      for (index, start) in left.enumerated() {
        entries.append(
          entry(
            round, start, steps: steps, loss: results[index].loss,
            seconds: results[index].seconds, isKept: kept.contains(index)))
      }
      left = kept.map { left[$0] }
      steps *= 2
    }
    return (
      left[0],
      RaceRecord(measure: tuning.options.objective.rawValue, rows: rows.count, entries: entries)
    )
  }

  // MARK: - One comparison

  /// By KL on `rows`, by cross-entropy where there is no LoRA, or without rows by the energy that is not captured.
  private func compared(
    _ starts: [Start], _ rows: [TokenizedExample], _ job: JobContext
  ) throws(Fault) -> (winner: Start, race: RaceRecord) {
    let teacher = try job.teacher()
    let objective: TuningOptions.Objective = teacher == nil ? .ce : .kd
    let data =
      rows.isEmpty
      ? nil
      : TuningData(
        training: [], validation: rows, teacher: teacher, store: nil, ranks: job.session.ranks)
    let results = try starts.map { (start) throws(Fault) -> (loss: Double, seconds: Double) in
      let began = Date()
      guard let data else {
        let missing = try start.projector.missingEnergy(start.projected, storage: start.storage)
        return (missing, Date().timeIntervalSince(began))
      }
      let student = try start.projected.student(
        job.session, latents: try start.untuned(), storage: start.storage)
      return (
        try data.validationLoss(of: student, objective: objective), Date().timeIntervalSince(began)
      )
    }
    let best = RaceStage.best(results.map(\.loss), count: 1)[0]
    let entries = starts.enumerated().map { index, start in
      entry(
        1, start, steps: 0, loss: results[index].loss, seconds: results[index].seconds,
        isKept: index == best)
    }
    return (
      starts[best],
      RaceRecord(
        measure: data == nil ? "energy" : objective.rawValue, rows: rows.count, entries: entries)
    )
  }

  // MARK: - Places

  private func entry(
    _ round: Int, _ start: Start, steps: Int, loss: Double, seconds: Double, isKept: Bool
  ) -> RaceRecord.Entry {
    RaceRecord.Entry(
      round: round, form: start.form.rawValue, store: start.storage.rawValue,
      pairChoice: start.pairChoice, size: start.size, bytes: start.bytes, steps: steps, loss: loss,
      seconds: seconds, isKept: isKept)
  }

  /// The places of the `count` lowest losses, at least one, in their order; of equal ones the first.
  package static func best(_ losses: [Double], count: Int) -> [Int] {
    let order = losses.indices.sorted { (losses[$0], $0) < (losses[$1], $1) }
    return order.prefix(max(count, 1)).sorted()
  }
}
