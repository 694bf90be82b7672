import Bases
import Evaluation
import Faults
import Files
import Foundation
import JSON
import Models
import Progress
import Projection
import Recipes
import Reports
import Tensors
import Training

/// How the best of several forms is found: a short race on rows that judge nothing later.
///
/// Successive halving: all candidates are tuned for a few steps of a schedule of their own, the better half for twice as
/// many, until one is left. Learning rates are no candidates: in so few steps large ones look better than they are.
extension JobRunner {
  /// Rows of the race at most: a comparison with itself needs few.
  private static let raceRows = 96

  /// Steps of a first round: two candidates and what measuring them costs are a third of the job's.
  private static func firstRound(_ steps: Int) -> Int { max(2, steps / 7) }

  /// The outcome of the race outlives an interruption here.
  var racePath: String { (request.checkpointPath ?? request.outputPath + ".tuning") + ".race" }

  /// The form that an interrupted run of the same job decided on.
  func decidedForm(_ bytes: Int) throws(Fault) -> JobRequest.Form? {
    guard !request.restarts, Paths.kind(of: racePath) == .file,
      let text = try? InputFile(racePath).readAll(limit: 1 << 20)
    else { return nil }
    let digest = try raceDigest(bytes)
    func read() throws(Fault) -> RaceRecord? {
      let fields = JSONField(try JSONValue.parse(text), code: "RACE")
      guard try fields["plan"].string() == digest else { return nil }
      return try RaceRecord(json: fields["race"])
    }
    guard let found = try? read(), let form = found.form.flatMap({ JobRequest.Form(rawValue: $0) })
    else { return nil }
    race = found
    session.log.note("form \(form.rawValue), as decided before")
    return form
  }

  private func keep(_ race: RaceRecord, _ bytes: Int) throws(Fault) {
    let value: JSONValue = .object([
      "plan": .string(try raceDigest(bytes)), "race": race.json,
    ])
    try AtomicFile.write(racePath, text: value.text())
  }

  private func raceDigest(_ bytes: Int) throws(Fault) -> String {
    SHA256Digest.of(Array("\(try planDigest(.uniform(0))) race \(bytes)".utf8)).hex
  }

  /// The best of `candidates`, which are two or more.
  func winner(
    _ candidates: [Candidate], _ data: TuningData?, within bytes: Int
  ) throws(Fault) -> Candidate {
    let found: (winner: Candidate, race: RaceRecord)
    if let tuning = request.tuning, let data, !data.validation.isEmpty {
      found = try raced(candidates, tuning, data)
      try keep(found.race, bytes)
    } else {
      found = try compared(candidates, try rowsBehindCalibration())
    }
    race = found.race
    session.log.note("form \(found.winner.form.rawValue): \(found.winner.size)")
    finish("race")
    return found.winner
  }

  /// Rounds of tuning on the first validation rows.
  private func raced(
    _ candidates: [Candidate], _ tuning: JobRequest.Tuning, _ data: TuningData
  ) throws(Fault) -> (winner: Candidate, race: RaceRecord) {
    let rows = Array(data.validation.prefix(JobRunner.raceRows))
    let short = TuningData(
      training: data.training, validation: rows, teacher: try teacher(), store: teacherStore)
    var (left, entries): ([Candidate], [RaceRecord.Entry]) = (candidates, [])
    var steps = JobRunner.firstRound(tuning.options.steps)
    var round = 0
    while left.count > 1 {
      round += 1
      let results = try left.map { (candidate) throws(Fault) -> (loss: Double, seconds: Double) in
        let start = Date()
        var run = TuningRun(candidate.projected, tuning, storage: request.storage)
        run.title = "race \(round): \(candidate.form.rawValue)"
        run.options.tunesResidual = candidate.projected.hasResidual
        run.options.steps = steps
        run.options.warmup = min(run.options.warmup, steps / 4)
        run.options.quantizedSteps = request.storage.quantizedSteps(of: steps)
        run.options.validationInterval = steps
        run.options.patience = nil
        do throws(Fault) {
          let result = try tune(run, candidate.projection, short)
          return (result.validationLoss, Date().timeIntervalSince(start))
        } catch  where error.code == "NUM-DIVERGE" {
          return (.infinity, Date().timeIntervalSince(start))
        }
      }
      let kept = JobRunner.best(results.map(\.loss), count: left.count / 2)
      for (index, candidate) in left.enumerated() {
        entries.append(
          entry(
            round, candidate, steps: steps, loss: results[index].loss,
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

  /// One comparison of what nothing tunes: by KL on `rows`, or without rows by the energy that is not captured.
  private func compared(
    _ candidates: [Candidate], _ rows: [TokenizedExample]
  ) throws(Fault) -> (winner: Candidate, race: RaceRecord) {
    let data =
      rows.isEmpty
      ? nil : TuningData(training: [], validation: rows, teacher: try teacher(), store: nil)
    let results = try candidates.map {
      (candidate) throws(Fault) -> (loss: Double, seconds: Double) in
      let start = Date()
      guard let data else { return (missingEnergy(candidate.projected), 0) }
      let latents = try untuned(candidate.projected, candidate.projection)
      let loss = try data.validationLoss(
        of: try stored(candidate.projected, latents), objective: .kd)
      return (loss, Date().timeIntervalSince(start))
    }
    let best = JobRunner.best(results.map(\.loss), count: 1)[0]
    let entries = candidates.enumerated().map { index, candidate in
      entry(
        1, candidate, steps: 0, loss: results[index].loss, seconds: results[index].seconds,
        isKept: index == best)
    }
    return (
      candidates[best],
      RaceRecord(measure: data == nil ? "energy" : "kd", rows: rows.count, entries: entries)
    )
  }

  /// A model of latents as they are stored.
  func stored(
    _ projected: ProjectedAdapter, _ latents: [Matrix<Float>]
  ) throws(Fault) -> StudentModel {
    let rounding = LatentRounding(storage: request.storage)
    return StudentModel(
      weights: try session.weights(), modules: projected.modules, bases: projected.bases,
      latents: try latents.indices.map { (index) throws(Fault) in
        try rounding.roundTrip(index, latents[index], residual: projected.residuals[index])
      }, threads: session.threads)
  }

  /// Mean share over the adapter's modules of the energy, weighted where there is a calibration, that is not captured.
  private func missingEnergy(_ projected: ProjectedAdapter) -> Double {
    let captured = projected.projections.reduce(0.0) {
      $0 + ($1.weightedCapturedEnergy ?? $1.capturedEnergy ?? 1)
    }
    return 1 - captured / Double(max(matched.modules.count, 1))
  }

  /// Rows of the calibration's file behind those that it uses; none where it uses all.
  private func rowsBehindCalibration() throws(Fault) -> [TokenizedExample] {
    guard let calibration = request.calibration else { return [] }
    let file = try file(of: calibration)
    guard let used = file.limit else { return [] }
    do throws(Fault) {
      return try tokenized(
        JobRequest.Data(path: file.path, limit: JobRunner.raceRows, skip: file.skip + used),
        role: "race")
    } catch  where error.code == "DATA-EMPTY" {
      return []
    }
  }

  private func entry(
    _ round: Int, _ candidate: Candidate, steps: Int, loss: Double, seconds: Double, isKept: Bool
  ) -> RaceRecord.Entry {
    RaceRecord.Entry(
      round: round, form: candidate.form.rawValue, size: candidate.size, bytes: candidate.bytes,
      steps: steps, loss: loss, seconds: seconds, isKept: isKept)
  }

  /// The places of the `count` lowest losses, at least one, in their order; of equal ones the first.
  private static func best(_ losses: [Double], count: Int) -> [Int] {
    let order = losses.indices.sorted { (losses[$0], $0) < (losses[$1], $1) }
    return order.prefix(max(count, 1)).sorted()
  }
}
