public import Adapters
import Artifacts
import Bases
import Checkpoints
package import Evaluation
public import Faults
import Files
import Foundation
import LinearAlgebra
package import Models
import Progress
import Projection
import Recipes
public import Reports
import Tensors
import Training

/// Converts one adapter from beginning to end: project, calibrate, tune, store, measure, write.
///
/// The order of the stages, and nothing else: mathematics is in `Projection` and `Training`, bytes are in
/// `Artifacts`.
public final class JobRunner {
  let session: BaseSession
  let request: JobRequest
  let matched: MatchedAdapter
  private var loadedTeacher: DecoderPool?
  private(set) var stages: [Setting] = []
  /// How the form was chosen, where that was left to the job.
  var race: RaceRecord?
  /// What the last judged artifact retained, or the nearest where none retained enough.
  package var gate: GateRecord?
  private(set) var warnings: [Warning] = []
  /// Digests of the data files as read, by role.
  private(set) var dataDigests: [String: String] = [:]
  /// What the model wrote for calibration and training, if it did.
  private(set) var ownTexts: Setting?
  /// Checkpoints of this run, removed once the artifact is written.
  private var checkpoints: [TuningCheckpoint] = []
  private var stageStart = Date()
  private(set) var teacherStore: TeacherStateStore?
  /// Held out for a minimum of retained gain.
  package private(set) var gateExamples: [TokenizedExample] = []

  /// A runner for one job on an open base.
  ///
  /// - Parameter adapter: The adapter of the request, where the caller has read it already.
  /// - Throws: what opening and matching the adapter throws.
  public init(
    session: BaseSession, request: JobRequest, adapter: Adapter? = nil
  ) throws(Fault) {
    try request.check()
    self.request = request
    let opened: Adapter
    if let adapter {
      opened = adapter
    } else {
      opened = try Adapter.open(
        request.adapterPath, format: request.adapterFormat, threads: session.threads,
        memory: session.memory)
    }
    matched = try MatchedAdapter(
      opened, base: session.base, magnitudes: request.magnitudes, threads: session.threads)
    // Student and teacher stand on the same changed base.
    self.session = session.changed(by: matched.parts)
    warnings = matched.adapter.warnings
    if request.tuning?.options.precision == .bfloat16, !CPUKernels.multipliesBFloat16 {
      warnings.append(
        Warning(
          "CPU-BF16",
          "this CPU has no bfloat16 products: widened ones take longer than float32 and hold half the memory"
        ))
    }
    session.log.warn(warnings, about: matched.adapter.path)
  }

  /// The LoRA model, loaded when it is first needed: a conversion without data never decodes the whole base.
  ///
  /// Of DoRA the exact model under either handling of magnitudes, as `evaluate` measures it: an update that they make
  /// full-rank is whole here, and only directions lose some of it.
  package func teacher() throws(Fault) -> DecoderPool {
    if let loadedTeacher { return loadedTeacher }
    let teacher = DecoderPool(
      weights: try session.weights(),
      updates: matched.decoderUpdates(layerCount: session.base.configuration.layerCount),
      threads: session.threads)
    loadedTeacher = teacher
    return teacher
  }

  /// Runs the job, writes the artifact atomically and returns the record.
  public func run() throws(Fault) -> JobRecord {
    // A batch has locked its directory; two runs on one output would share a checkpoint.
    let lock = request.checkpointPath == nil ? try OutputLock(file: request.outputPath) : nil
    defer { withExtendedLifetime(lock) {} }
    if lock != nil {
      for path in [request.outputPath, request.outputPath + ".tuning"] {
        _ = try AtomicFile.removeLeftovers(of: path)
      }
    }
    if request.directions != .own, request.form != .pairs {
      try session.prepareBases(
        matched.modules, leading: { [request] in request.leadingDirections(of: $0) })
    }
    finish("bases")
    var projection = ProjectionStage(
      session: session, adapter: matched, curvature: try calibrate(),
      candidates: request.candidates, seed: request.seed, residuals: [])
    if let residual = request.residual {
      let stage = try ResidualStage(projection)
      projection.residuals = try stage.residuals(stage.plan(residual))
      finish("residual")
    }
    var tuningData: TuningData?
    if let tuning = request.tuning { tuningData = try loadTuningData(tuning) }
    var outcome = try reachTarget(projection, tuningData)
    if let warning = teacherStore?.warning { warn(Warning("CACHE", warning)) }
    // What was judged is what is written.
    var artifact: AssembledArtifact
    if let judged = outcome.judged {
      artifact = judged
    } else {
      artifact = try assembleWithinBudget(&outcome)
    }
    if let gate { artifact.note(gate) }
    finish("store")
    var evaluation: EvaluationRecord?
    if let data = request.evaluation {
      evaluation = try measure(data, outcome, tuningData, stored: artifact)
      finish("evaluate")
      try artifact.setAccuracy(&evaluation)
    } else {
      // Nothing is written that a loader would refuse; measuring has already loaded it.
      _ = try artifact.loaded(session)
    }
    try checkBudget(try artifact.encodedByteCount())
    let written = try artifact.write(to: request.outputPath)
    for checkpoint in checkpoints { checkpoint.remove() }
    Paths.removeIfPresent(racePath)
    return try record(
      outcome, artifact: artifact, written: written, parts: try artifact.parts(),
      evaluation: evaluation)
  }

  // MARK: - Stages

  func finish(_ stage: String) {
    let seconds = Date().timeIntervalSince(stageStart)
    stages.append(Setting(stage, String(format: "%.1f s", seconds)))
    stageStart = Date()
  }

  /// A stage of a group that this job was part of.
  func note(stage: String, seconds: Double) {
    stages.append(Setting(stage, String(format: "%.3f s", seconds)))
  }

  func calibrate() throws(Fault) -> CurvatureRows? {
    guard let data = request.calibration else { return nil }
    let examples = try tokenized(try file(of: data), role: "calibration")
    let task = session.log.task("calibrate", total: examples.count, unit: "examples")
    let curvature = try Calibration.curvature(
      of: try teacher(), examples: examples, seed: request.seed,
      scratch: Paths.parent(of: request.outputPath), memory: session.memoryBesideWeights
    ) { done, _ in task.update(completed: done) }
    task.finish()
    finish("calibrate")
    return curvature
  }

  /// The file of examples; where the model writes them itself they are written first.
  func file(of examples: JobRequest.Examples) throws(Fault) -> JobRequest.Data {
    if let file = examples.file { return file }
    let stage = OwnTextStage(
      session: session, matched: matched, texts: request.ownTexts, seed: request.seed,
      path: request.outputPath + ".self.jsonl")
    if ownTexts == nil {
      ownTexts = try stage.run { () throws(Fault) in try teacher() }
      finish("write texts")
    }
    return JobRequest.Data(path: stage.path, limit: examples.limit)
  }

  func tokenized(_ data: JobRequest.Data, role: String) throws(Fault) -> [TokenizedExample] {
    let set = try DataSet(path: data.path, limit: data.limit, skip: data.skip)
    dataDigests[role] = set.digest.hex
    let tokenizer = try session.tokenizer()
    let examples = try set.tokenized(by: tokenizer, for: session.base.configuration)
    session.log.warn(examples.warnings(of: tokenizer))
    return examples
  }

  func loadTuningData(_ tuning: JobRequest.Tuning) throws(Fault) -> TuningData {
    let examples = try tokenized(try file(of: tuning.data), role: "training")
    let store = try session.teacherStore(
      adapter: matched.adapter.identity, reading: "\(request.magnitudes)")
    teacherStore = store
    let (seed, gated) = (tuning.options.seed, request.target.minRetained != nil)
    let split: TuningSplit
    switch tuning.validation {
    case .file(let file):
      split = try TuningSplit(
        training: examples, validation: try tokenized(file, role: "validation"), seed: seed,
        gated: gated)
    case .fraction(let fraction):
      split = try TuningSplit(examples, fraction: fraction, seed: seed, gated: gated)
    }
    gateExamples = split.gate
    return TuningData(
      training: split.training, validation: split.validation, teacher: try teacher(),
      store: store)
  }

  /// What projection and tuning came to.
  struct Outcome {
    /// What chose directions, with the pairs beside them.
    var projection: ProjectionStage
    var projected: ProjectedAdapter
    var latents: [Matrix<Float>]
    /// What tuning started from, where there was any.
    var start: ProjectedAdapter?
    var tuning: TuningRecord?
    /// The artifact that passed a minimum of retained gain.
    var judged: AssembledArtifact?
    /// What identifies the inputs and settings.
    var planDigest = ""
  }

  func reachTarget(
    _ projection: ProjectionStage, _ data: TuningData?
  ) throws(Fault) -> Outcome {
    switch request.target {
    case .own:
      return try convert(projection, data, plan: .uniform(LatentRank(matched.adapter.rank)))
    case .rank(let rank):
      return try convert(projection, data, plan: .uniform(rank))
    case .budget(let bytes, nil):
      return try best(within: bytes, projection, data)
    case .budget(let bytes, let share?):
      return try smallestPart(projection, data, share: share, of: bytes)
    case .minRetained(let share, let start):
      return try smallestRank(projection, data, share: share, startingRank: start)
    }
  }

  func convert(
    _ projection: ProjectionStage, _ data: TuningData?, plan: RankPlan,
    checkpointSuffix: String = "", within bytes: Int? = nil
  ) throws(Fault) -> Outcome {
    let projected = try start(projection, plan)
    return try finish(
      projected, projection, data, plan: plan, checkpointSuffix: checkpointSuffix, within: bytes)
  }

  /// Directions and first latents at the ranks of `plan`.
  func start(_ projection: ProjectionStage, _ plan: RankPlan) throws(Fault) -> ProjectedAdapter {
    let projected: ProjectedAdapter
    if let path = request.startArtifactPath {
      projected = try ArtifactLoader(session: session).load(path).projected(matched)
    } else {
      projected = try projection.run(plan: plan, choice: choice, method: request.method)
    }
    finish("project")
    if case .rank(let rank) = request.target, request.startArtifactPath == nil {
      warnOfClipping(projected, rank: rank)
    }
    return projected
  }

  /// Tunes a start, where the job tunes, or rounds it.
  ///
  /// - Parameter bytes: What the artifact may have, where steps on rounded latents can make for it.
  func finish(
    _ projected: ProjectedAdapter, _ projection: ProjectionStage, _ data: TuningData?,
    plan: RankPlan, checkpointSuffix: String = "", within bytes: Int? = nil
  ) throws(Fault) -> Outcome {
    let planDigest = try planDigest(plan)
    guard let tuning = request.tuning, let data else {
      return Outcome(
        projection: projection, projected: projected,
        latents: try untuned(projected, projection), planDigest: planDigest)
    }
    let checkpoint = checkpoint(suffix: checkpointSuffix, planDigest: planDigest)
    var run = TuningRun(projected, tuning, storage: request.storage)
    run.checkpoint = checkpoint
    run.bytes = bytes
    // Pairs that the job chose itself are trained; whether given ones are is an option.
    if request.residual == nil, projected.hasResidual { run.options.tunesResidual = true }
    let result = try tune(run, projection, data)
    finish("tune")
    return Outcome(
      projection: projection, projected: projected.replacingResiduals(result.residual),
      latents: result.latents, start: projected, tuning: result.record, planDigest: planDigest)
  }

  /// The latents of a start that nothing tunes.
  func untuned(
    _ projected: ProjectedAdapter, _ projection: ProjectionStage
  ) throws(Fault) -> [Matrix<Float>] {
    request.storage.isCoarse
      ? try projection.rounded(projected, storage: request.storage) : projected.latents
  }

  /// A checkpoint of this job, removed once the artifact is written.
  func checkpoint(suffix: String, planDigest: String) -> TuningCheckpoint {
    let checkpoint = TuningCheckpoint(
      path: (request.checkpointPath ?? request.outputPath + ".tuning") + suffix,
      planDigest: planDigest)
    checkpoints.append(checkpoint)
    return checkpoint
  }

  /// How the job chooses directions.
  var choice: ProjectionStage.Choice { request.directions.choice }

  /// Says how many modules have fewer directions than asked for, and the fewest.
  func warnOfClipping(_ projected: ProjectedAdapter, rank: LatentRank) {
    let clipped = projected.bases.map(\.selection).filter {
      $0.outputRank < rank.output || $0.inputRank < rank.input
    }
    guard
      let least = clipped.min(by: { $0.outputRank + $0.inputRank < $1.outputRank + $1.inputRank })
    else { return }
    let fewest = LatentRank(output: least.outputRank, input: least.inputRank)
    warn(
      Warning(
        "RANK-CLIP",
        "rank \(rank) clipped in \(clipped.count) of \(projected.bases.count) modules, to "
          + "\(fewest) at least"))
  }

  func warn(_ warning: Warning) {
    warnings.append(warning)
    session.log.warn([warning])
  }
}
