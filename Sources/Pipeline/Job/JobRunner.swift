import Adapters
import Artifacts
import Bases
import Checkpoints
import Evaluation
public import Faults
import Files
import Foundation
import Models
import Progress
import Projection
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
  private let matched: MatchedAdapter
  private let teacher: DecoderPool
  private var stages: [Setting] = []
  private var warnings: [String] = []
  private var stageStart = Date()

  /// A runner for one job on an open base.
  ///
  /// - Throws: what opening and matching the adapter throws.
  public init(session: BaseSession, request: JobRequest) throws(Fault) {
    self.session = session
    self.request = request
    let adapter = try Adapter.open(request.adapterPath)
    matched = try MatchedAdapter(adapter, base: session.base)
    warnings = adapter.warnings
    teacher = DecoderPool(
      weights: try session.weights(),
      updates: matched.decoderUpdates(layerCount: session.base.configuration.layerCount),
      threads: session.threads)
  }

  /// Runs the job, writes the artifact atomically and returns the record.
  public func run() throws(Fault) -> JobRecord {
    try OutputPlace.check(
      request.outputPath, against: [request.adapterPath, request.basePath])
    try session.prepareBases(matched.modules)
    finish("bases")
    let projection = ProjectionStage(
      session: session, adapter: matched, curvature: try calibrate(),
      candidates: request.candidates, seed: request.seed)
    var tuningData: TuningData?
    if let tuning = request.tuning { tuningData = try loadTuningData(tuning) }
    let outcome = try reachTarget(projection, tuningData)
    var artifact = try assemble(outcome)
    finish("store")
    var evaluation: EvaluationRecord?
    if let data = request.evaluation {
      evaluation = try measure(data, outcome, projection, tuningData, stored: artifact)
      finish("evaluate")
      artifact.setAccuracy(evaluation)
    }
    let written = try artifact.write(to: request.outputPath)
    outcome.checkpoint?.remove()
    return try record(outcome, artifact: artifact, written: written, evaluation: evaluation)
  }

  // MARK: - Stages

  private func finish(_ stage: String) {
    let seconds = Date().timeIntervalSince(stageStart)
    stages.append(Setting(stage, String(format: "%.1f s", seconds)))
    stageStart = Date()
  }

  private func calibrate() throws(Fault) -> CurvatureAccumulator? {
    guard let data = request.calibration else { return nil }
    let examples = try tokenized(data)
    let task = session.log.task("calibrate", total: examples.count, unit: "examples")
    let curvature = Calibration.curvature(
      of: teacher, examples: examples, seed: request.seed
    ) { done, _ in task.update(completed: done) }
    task.finish()
    finish("calibrate")
    return curvature
  }

  private func tokenized(_ data: JobRequest.Data) throws(Fault) -> [TokenizedExample] {
    try DataSet(path: data.path, limit: data.limit).tokenized(
      by: try session.tokenizer(), contextLength: session.base.configuration.contextLength)
  }

  private func loadTuningData(_ tuning: JobRequest.Tuning) throws(Fault) -> TuningData {
    let examples = try tokenized(tuning.data)
    switch tuning.validation {
    case .file(let file):
      return TuningData(training: examples, validation: try tokenized(file), teacher: teacher)
    case .fraction(let fraction):
      let split = TuningData.split(
        examples, fraction: fraction, limit: 256, seed: tuning.options.seed)
      return TuningData(
        training: split.training, validation: split.validation, teacher: teacher)
    }
  }

  /// What projection and tuning came to.
  struct Outcome {
    var projected: ProjectedAdapter
    var latents: [Matrix<Float>]
    var tuning: TuningRecord?
    var checkpoint: TuningCheckpoint?
  }

  private func reachTarget(
    _ projection: ProjectionStage, _ data: TuningData?
  ) throws(Fault) -> Outcome {
    switch request.target {
    case .rank(let rank):
      return try convert(projection, data, rank: rank)
    case .budget(let bytes):
      let rank = try largestRank(projection, within: bytes)
      session.log.note("rank \(rank) fits \(bytes) bytes")
      return try convert(projection, data, rank: rank)
    case .minRetained(let share, let start):
      return try smallestRank(projection, data, share: share, startingRank: start)
    }
  }

  private func convert(
    _ projection: ProjectionStage, _ data: TuningData?, rank: Int
  ) throws(Fault) -> Outcome {
    let projected: ProjectedAdapter
    if let path = request.startArtifactPath {
      projected = try ArtifactLoader(session: session).load(path).projected(matched)
    } else {
      projected = try projection.run(
        rank: rank, choice: request.directions == .top ? .top : .selected, method: request.method)
    }
    finish("project")
    if projected.rank < rank {
      warn("rank \(rank) clipped to \(projected.rank)")
    }
    guard let tuning = request.tuning, let data else {
      return Outcome(projected: projected, latents: projected.latents)
    }
    let checkpoint = TuningCheckpoint(
      path: request.checkpointPath ?? request.outputPath + ".tuning",
      planDigest: try planDigest(rank: rank))
    let result = try tune(projection, projected, tuning, data, checkpoint: checkpoint)
    finish("tune")
    return Outcome(
      projected: projected, latents: result.latents, tuning: result.record,
      checkpoint: checkpoint)
  }

  private func tune(
    _ projection: ProjectionStage, _ projected: ProjectedAdapter, _ tuning: JobRequest.Tuning,
    _ data: TuningData, checkpoint: TuningCheckpoint?, title: String = "tune"
  ) throws(Fault) -> TuningStage.Result {
    let storage = request.storage
    let stage = TuningStage(
      session: session, request: tuning, data: data, checkpoint: checkpoint,
      restarts: request.restarts,
      roundTrip: { (latent) throws(Fault) in try StoredLatent(latent, storage: storage).matrix })
    return try stage.run(
      projected,
      coordinates: tuning.options.coordinates == .whitened
        ? try projection.coordinates(projected) : nil, title: title)
  }

  private func assemble(_ outcome: Outcome) throws(Fault) -> AssembledArtifact {
    try ArtifactStage(session: session, request: request, matched: matched)
      .assemble(outcome.projected, latents: outcome.latents, tuning: outcome.tuning)
  }

  private func warn(_ message: String) {
    warnings.append(message)
    session.log.warn(message)
  }

  // MARK: - Targets

  /// The largest rank whose artifact, encoded as it would be written, fits `bytes`.
  private func largestRank(
    _ projection: ProjectionStage, within bytes: Int
  ) throws(Fault) -> Int {
    func size(_ rank: Int) throws(Fault) -> Int {
      let projected = try projection.run(
        rank: rank, choice: request.directions == .top ? .top : .selected, method: request.method)
      return try assemble(Outcome(projected: projected, latents: projected.latents))
        .encodedByteCount()
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
    return low
  }

  /// Raises the rank until the retained gain on validation reaches `share`.
  private func smallestRank(
    _ projection: ProjectionStage, _ data: TuningData?, share: Double, startingRank: Int
  ) throws(Fault) -> Outcome {
    guard let data, !data.validation.isEmpty else {
      throw Fault(.usage, "JOB-RETAINED", "a minimum of retained gain needs validation examples")
    }
    let evaluator = Evaluator(plan: EvaluationPlan(examples: data.validation))
    let weights = try session.weights()
    let base = evaluator.evaluate(DecoderPool(weights: weights, threads: session.threads)).scores
    let lora = evaluator.evaluate(teacher).scores
    var best = (rank: 0, retained: -Double.infinity)
    var rank = startingRank
    while rank <= 64 {
      let outcome = try convert(projection, data, rank: rank)
      let student = StudentModel(
        weights: weights, modules: outcome.projected.modules, bases: outcome.projected.bases,
        latents: outcome.latents, threads: session.threads)
      let scores = evaluator.evaluate(student.pool).scores
      let gain = lora.accuracy - base.accuracy
      let retained = gain > 0 ? (scores.accuracy - base.accuracy) / gain : 1
      session.log.note(String(format: "rank %d retains %.3f on validation", rank, retained))
      if retained >= share { return outcome }
      if retained > best.retained { best = (rank, retained) }
      outcome.checkpoint?.remove()
      rank = max(rank + 1, rank * 3 / 2)
    }
    throw Fault(
      .badData, "JOB-RETAINED",
      String(
        format: "retained gain %.3f at rank %d on validation, %.3f was asked for", best.retained,
        best.rank, share), path: request.adapterPath)
  }

  // MARK: - Measuring

  private func measure(
    _ data: JobRequest.Data, _ outcome: Outcome, _ projection: ProjectionStage,
    _ tuningData: TuningData?, stored: AssembledArtifact
  ) throws(Fault) -> EvaluationRecord {
    let weights = try session.weights()
    let measurement = try MeasurementStage(session: session, request: data, seed: request.seed)
    let name = matched.adapter.name
    measurement.measure(
      .lora, name: name, source: request.adapterPath, bytes: matched.adapter.byteCount,
      pool: teacher)
    measurement.measure(
      .base, name: "base", source: request.basePath,
      pool: DecoderPool(weights: weights, threads: session.threads))
    func student(_ projected: ProjectedAdapter, _ latents: [Matrix<Float>]) -> DecoderPool {
      StudentModel(
        weights: weights, modules: projected.modules, bases: projected.bases, latents: latents,
        threads: session.threads
      ).pool
    }
    measurement.measure(
      .start, name: "start (\(request.method.rawValue))",
      pool: student(outcome.projected, outcome.projected.latents))
    if outcome.tuning != nil {
      measurement.measure(
        .tuned, name: "tuned", pool: student(outcome.projected, outcome.latents))
    }
    // What a user will load: decoded from the encoded bytes, bases regenerated and proved.
    let bytes = try stored.artifact.bytes()
    let loaded = try ArtifactLoader(session: session).load(try Artifact(bytes: bytes))
    measurement.measure(
      .stored, name: "as stored (\(request.storage.rawValue))", source: request.outputPath,
      bytes: bytes.count, pool: try loaded.student(session: session).pool)
    for control in request.controls {
      for variant in try controls(control, outcome, projection, tuningData, bytes: bytes.count) {
        measurement.measure(
          .control, name: variant.name, bytes: variant.bytes, pool: variant.pool)
      }
    }
    return measurement.record()
  }

  private func controls(
    _ control: JobRequest.Control, _ outcome: Outcome, _ projection: ProjectionStage,
    _ data: TuningData?, bytes: Int
  ) throws(Fault) -> [ControlVariant] {
    let rank = outcome.projected.rank
    switch control {
    case .truncated:
      return try TruncatedControl(matched: matched, session: session).variants(bytes: bytes)
    case .top:
      return [
        try tunedControl("top directions", projection, data) { (stage) throws(Fault) in
          try stage.run(rank: rank, choice: .top, method: self.request.method)
        }
      ]
    case .random:
      return [
        try tunedControl("random bases", projection, data) { (stage) throws(Fault) in
          try stage.run(rank: rank, choice: .random, method: self.request.method)
        }
      ]
    case .zero:
      let zero = ProjectedAdapter(
        modules: outcome.projected.modules, bases: outcome.projected.bases,
        projections: outcome.projected.projections.map { $0.zeroed })
      return [try tunedControl("zero start", projection, data) { (_) throws(Fault) in zero }]
    }
  }

  /// A control that differs in directions or start and is tuned exactly as the job is.
  private func tunedControl(
    _ name: String, _ projection: ProjectionStage, _ data: TuningData?,
    start: (ProjectionStage) throws(Fault) -> ProjectedAdapter
  ) throws(Fault) -> ControlVariant {
    let projected = try start(projection)
    var latents = projected.latents
    if let tuning = request.tuning, let data {
      latents =
        try tune(
          projection, projected, tuning, data, checkpoint: nil, title: "tune control: \(name)"
        ).latents
    }
    let storage = request.storage
    let rounded = try latents.map { (latent) throws(Fault) in
      try StoredLatent(latent, storage: storage).matrix
    }
    return ControlVariant(
      name: name,
      bytes: try assemble(Outcome(projected: projected, latents: latents)).encodedByteCount(),
      pool: StudentModel(
        weights: try session.weights(), modules: projected.modules, bases: projected.bases,
        latents: rounded, threads: session.threads
      ).pool)
  }

  // MARK: - Record

  /// Identifies inputs and settings of a tuning run; a checkpoint of another plan is never continued.
  private func planDigest(rank: Int) throws(Fault) -> String {
    var hasher = SHA256Hasher()
    let digests = try session.moduleDigests(matched.modules).map(\.hex)
    var data = ""
    if let tuning = request.tuning {
      data = try DataSet(path: tuning.data.path, limit: tuning.data.limit).digest.hex
    }
    hasher.update(Array(digests.joined().utf8))
    hasher.update(Array(matched.adapter.digest.hex.utf8))
    hasher.update(Array(data.utf8))
    hasher.update(
      Array(
        """
        \(rank) \(request.directions) \(String(describing: request.candidates)) \(request.method) \
        \(request.storage) \(request.seed) \(String(describing: request.calibration)) \
        \(String(describing: request.tuning))
        """.utf8))
    return hasher.finalize().hex
  }

  private func record(
    _ outcome: Outcome, artifact: AssembledArtifact, written: AtomicFile.Written,
    evaluation: EvaluationRecord?
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
      artifactPath: request.outputPath,
      settings: [
        Setting("rank", outcome.projected.rank),
        Setting("directions", request.directions.rawValue),
        Setting("start", request.method.rawValue),
        Setting("stored as", request.storage.rawValue),
        Setting("calibration examples", request.calibration?.limit.map(String.init) ?? "none"),
      ],
      sizes: SizeRecord(
        asShipped: adapter.byteCount, f16Equivalent: adapter.parameterCount * 2,
        artifact: written.byteCount,
        parts: try artifact.parts().map { SizeRecord.Part(name: $0.name, bytes: $0.bytes) }),
      evaluation: evaluation, modules: moduleRecords(outcome, artifact),
      tuning: outcome.tuning, seeds: [Setting("seed", "\(request.seed)")], stages: stages,
      threads: session.threads, machine: MachineLine.current, createdBy: Product.createdBy,
      planDigest: try planDigest(rank: outcome.projected.rank),
      warnings: warnings + session.bases.warnings)
  }

  private func moduleRecords(
    _ outcome: Outcome, _ artifact: AssembledArtifact
  ) -> [ModuleRecord] {
    outcome.projected.modules.indices.map { index in
      let module = outcome.projected.modules[index]
      let projection = outcome.projected.projections[index]
      return ModuleRecord(
        name: module.name, outFeatures: module.outFeatures, inFeatures: module.inFeatures,
        loraRank: matched.updates[index].rank, outputRank: projection.latent.rows,
        inputRank: projection.latent.columns, capturedEnergy: projection.capturedEnergy,
        weightedCapturedEnergy: projection.weightedCapturedEnergy,
        bytes: artifact.latentByteCount(index))
    }
  }
}
