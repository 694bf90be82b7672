import Adapters
import Artifacts
import Bases
import Checkpoints
import Evaluation
import Faults
import Files
import Projection
import Recipes
import Reports
import Tensors
import Training

/// What is written down about the job.
extension JobRunner {
  /// Identifies inputs and settings of a tuning run; a checkpoint of another plan is never continued.
  ///
  /// Contents, not places: a moved tree goes on. How often checkpoints are written changes no result.
  func planDigest(_ plan: RankPlan) throws(Fault) -> String {
    var lines = try session.moduleDigests(matched.modules).map(\.hex)
    lines += [matched.adapter.identity.hex, session.packDigest?.hex ?? ""]
    lines += dataDigests.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    if let path = request.startArtifactPath {
      lines.append(try SHA256Digest.of(InputFile(path)).hex)
    }
    // What is measured beside the latents is no part of it: a control more does not train them again.
    lines.append(request.recipe.canonicalText([.latents]))
    lines.append("\(plan) \(gateExamples.count)")
    return SHA256Digest.of(Array(lines.joined(separator: "\n").utf8)).hex
  }

  func record(
    _ outcome: Outcome, artifact: AssembledArtifact, written: AtomicFile.Written,
    parts: [SizeRecord.Part], evaluation: EvaluationRecord?
  ) throws(Fault) -> JobRecord {
    let adapter = matched.adapter
    let base = session.base
    return JobRecord(
      name: request.name, state: .done,
      adapter: SourceRecord(
        name: adapter.name, path: adapter.path, format: adapter.format, bytes: adapter.byteCount,
        sha256: adapter.digest.hex,
        details: [
          Setting("rank", adapter.rank), Setting("parameters", adapter.parameterCount),
          Setting("base named by the adapter", adapter.baseModelName ?? "none"),
        ]),
      base: SourceRecord(
        name: Paths.name(of: base.path), path: base.path, format: base.format.rawValue,
        bytes: base.tensors.reduce(0) { $0 + $1.byteCount }, sha256: nil,
        details: [Setting("architecture", base.configuration.architecture)]),
      artifactPath: request.outputPath, artifactSHA256: written.digest.hex,
      settings: [
        Setting("rank", outcome.projected.rankSummary(of: matched.modules.count)),
        Setting("form", outcome.projected.form),
        Setting("form chosen by", race == nil ? "the options" : "a race"),
        Setting("directions", request.directions.rawValue),
        Setting(
          "start",
          request.startArtifactPath.map { "artifact \(Paths.name(of: $0))" }
            ?? request.method.rawValue),
        Setting("stored as", request.storage.rawValue),
        Setting("scales", artifact.coarsening.description),
        Setting("carried parameters", carriedDescription),
        Setting("calibration examples", request.calibration?.limit.map(String.init) ?? "none"),
      ] + [ownTexts].compactMap(\.self),
      recipe: request.recipe.settings.map { Setting($0.key, $0.value) },
      sizes: SizeRecord(
        asShipped: adapter.byteCount, f16Equivalent: adapter.parameterCount * 2,
        artifact: written.byteCount, parts: parts),
      evaluation: evaluation, modules: moduleRecords(outcome, artifact),
      tuning: outcome.tuning, race: race, gate: gate, seeds: [Setting("seed", "\(request.seed)")],
      stages: stages,
      threads: session.threads, machine: MachineLine.current, createdBy: Product.createdBy,
      planDigest: outcome.planDigest,
      warnings: (warnings + session.bases.warnings).lines)
  }

  /// Which parameters are carried and how, in a few words.
  private var carriedDescription: String {
    guard let first = matched.parts.first else { return "none" }
    let names =
      matched.parts.count == 1
      ? first.parameter : "\(matched.parts.count), first \(first.parameter)"
    return "\(names), stored \(request.carriedStorage?.rawValue ?? "exactly")"
  }

  func moduleRecords(
    _ outcome: Outcome, _ artifact: AssembledArtifact
  ) -> [ModuleRecord] {
    var loraRanks: [String: Int] = [:]
    for update in matched.adapter.updates { loraRanks[update.moduleName] = update.rank }
    return outcome.projected.modules.indices.map { index in
      let module = outcome.projected.modules[index]
      let projection = outcome.projected.projections[index]
      return ModuleRecord(
        name: module.name, outFeatures: module.outFeatures, inFeatures: module.inFeatures,
        loraRank: loraRanks[module.name] ?? 0, outputRank: projection.selection.outputRank,
        inputRank: projection.selection.inputRank, capturedEnergy: projection.heldEnergy,
        weightedCapturedEnergy: projection.weightedCapturedEnergy,
        bytes: artifact.latentByteCount(index))
    }
  }
}
