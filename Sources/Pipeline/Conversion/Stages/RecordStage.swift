import Adapters
import Artifacts
import Bases
import Checkpoints
package import Faults
import Files
import Foundation
import Projection
import Ranks
import Recipes
package import Reports
import Sessions
import Tensors
import Training

/// What is written down about the job.
package struct RecordStage: Stage {
  package static let name: String? = nil

  package init() {}

  package func run(
    _ input: (result: StoredResult, file: WrittenFile, race: RaceRecord?, gate: GateRecord?),
    in job: JobContext
  ) throws(Fault) -> JobRecord {
    let (request, tuned) = (job.request, input.result.tuned)
    RecordStage.warn(of: tuned, bytes: input.file.byteCount, job)
    var record = RecordStage.record(
      job, state: .done,
      sizes: SizeRecord(
        job.source.adapter, artifact: input.file.byteCount, parts: input.file.parts),
      gate: input.gate,
      settings: [
        Setting("rank", tuned.projected.rankSummary(of: job.source.modules.count)),
        Setting("form", tuned.projected.form),
        Setting("form chosen by", input.race == nil ? "the options" : "a race"),
        Setting("pairs chosen by", RecordStage.pairs(tuned)),
        Setting("directions", request.directions.rawValue),
        Setting(
          "start",
          request.startArtifactPath.map { "artifact \(Paths.name(of: $0))" }
            ?? request.method.rawValue),
        Setting("start scaled by", RecordStage.scale(tuned.start)),
        Setting("stored as", tuned.start.storage.rawValue),
        Setting("scales", input.result.artifact.scales),
        Setting("carried parameters", RecordStage.carried(job)),
        Setting("head", RecordStage.head(job)),
      ] + RecordStage.calibration(job))
    record.artifactPath = request.outputPath
    record.artifactSHA256 = input.file.digest.hex
    record.evaluation = input.result.evaluation
    record.modules = modules(tuned, input.result.artifact, job)
    record.tuning = tuned.tuning
    record.race = input.race
    record.planDigest = tuned.planDigest
    return record
  }

  /// Says what a table of sizes and figures would not tell.
  private static func warn(of tuned: TunedAdapter, bytes: Int, _ job: JobContext) {
    if let tuning = tuned.tuning, tuning.bestStep == 0, tuning.steps > 0 {
      job.warn(
        Warning(
          "TUNE-START",
          "none of \(tuning.steps) steps was better than the start on the validation rows, and the start was kept; "
            + "more steps or another rate (--lr, --lr-search)", subject: job.request.subjectPath))
    }
    if let plain = job.source.adapter.map({ $0.parameterCount * 2 }), bytes > plain {
      job.warn(
        Warning(
          "SIZE-F16",
          "the artifact has \(bytes) bytes, the adapter's numbers in F16 \(plain): the LoRA is the smaller one",
          subject: job.request.subjectPath))
    }
  }

  /// What the records of all jobs that went through their stages have.
  static func record(
    _ job: JobContext, state: JobRecord.State, sizes: SizeRecord?, gate: GateRecord?,
    settings: [Setting]
  ) -> JobRecord {
    let (request, session) = (job.request, job.session)
    let base = session.base
    return JobRecord(
      name: request.name, state: state, adapter: job.source.adapter.map { SourceRecord($0) },
      base: SourceRecord(
        name: Paths.name(of: base.path), path: base.path, format: base.format.rawValue,
        bytes: base.tensors.reduce(0) { $0 + $1.byteCount }, sha256: nil,
        details: [Setting("architecture", base.configuration.architecture)]),
      settings: settings + [job.ownTexts, ranks(job)].compactMap(\.self),
      recipe: request.recipe.settings.map { Setting($0.key, $0.value) }, sizes: sizes, gate: gate,
      seeds: [Setting("seed", "\(request.seed)")], stages: job.clock.settings,
      threads: session.threads, peakBytes: ProcessPeak.byteCount, machine: MachineLine.current,
      createdBy: Product.createdBy,
      warnings: (job.warnings + session.bases.warnings).lines)
  }

  /// What chose the pairs.
  private static func pairs(_ tuned: TunedAdapter) -> String {
    guard tuned.projected.hasResidual else { return "none" }
    let choice =
      tuned.start.pairChoice
      ?? (tuned.start.projector.curvature == nil ? .energy : .curvature)
    return choice.rawValue
  }

  /// What the first latents were multiplied with, and what that did.
  private static func scale(_ start: Start) -> String {
    guard let scale = start.scale else { return "nothing" }
    return String(
      format: "%.4g, KL to the LoRA %.4g -> %.4g", scale.multiple, scale.first, scale.loss)
  }

  /// How many processes shared the job; nil for one alone.
  private static func ranks(_ job: JobContext) -> Setting? {
    let count = job.session.ranks.count
    return count > 1 ? Setting("ranks", count) : nil
  }

  /// How many examples calibrated.
  static func calibration(_ job: JobContext) -> [Setting] {
    [
      Setting(
        "calibration examples at most", job.request.calibration?.limit.map(String.init) ?? "none")
    ]
  }

  /// What answers, where that is no token.
  private static func head(_ job: JobContext) -> String {
    guard let head = job.session.configuration.classHead else { return "of the language model" }
    let answers = head.isRegression ? "a number" : "\(head.count) classes"
    if job.source.newHead != nil { return "new, trained, \(answers)" }
    return job.session.base.configuration.classHead == nil
      ? "the adapter's, \(answers)" : "the base's, \(answers)"
  }

  /// Which parameters are carried and how, in a few words.
  private static func carried(_ job: JobContext) -> String {
    let parts = job.source.parts
    guard let first = parts.first else { return "none" }
    let names =
      parts.count == 1
      ? first.parameter : "\(parts.count), first \(first.parameter)"
    return "\(names), stored \(job.request.carriedStorage?.rawValue ?? "exactly")"
  }

  private func modules(
    _ tuned: TunedAdapter, _ artifact: AssembledArtifact, _ job: JobContext
  ) -> [ModuleRecord] {
    var loraRanks: [String: Int] = [:]
    for update in job.source.adapter?.updates ?? [] { loraRanks[update.moduleName] = update.rank }
    return tuned.projected.modules.indices.map { index in
      let module = tuned.projected.modules[index]
      let projection = tuned.projected.projections[index]
      return ModuleRecord(
        name: module.name, outFeatures: module.outFeatures, inFeatures: module.inFeatures,
        loraRank: loraRanks[module.name], outputRank: projection.selection.outputRank,
        inputRank: projection.selection.inputRank, capturedEnergy: projection.heldEnergy,
        weightedCapturedEnergy: projection.weightedCapturedEnergy,
        bytes: artifact.latentByteCount(index))
    }
  }
}

extension SizeRecord {
  /// Bytes of what was made, beside the adapter's, if there is one.
  init(_ adapter: Adapter?, artifact: Int, parts: [Part] = []) {
    self.init(
      asShipped: adapter?.byteCount, f16Equivalent: adapter.map { $0.parameterCount * 2 },
      artifact: artifact, parts: parts)
  }
}

extension SourceRecord {
  /// An adapter.
  init(_ adapter: Adapter) {
    self.init(
      name: adapter.name, path: adapter.path, format: adapter.format, bytes: adapter.byteCount,
      sha256: adapter.digest.hex,
      details: [
        Setting("rank", adapter.rank), Setting("parameters", adapter.parameterCount),
        Setting("base named by the adapter", adapter.baseModelName ?? "none"),
      ])
  }
}
