package import Adapters
import Artifacts
import Bases
import Checkpoints
package import Evaluation
package import Faults
import Files
import LinearAlgebra
package import Models
import Progress
import Ranks
import Recipes
import Reports
package import Sessions
import Tensors
import Training

/// What the stages of one job share: what was asked for, the base and what latents are made for, and what is kept beside
/// results: times, warnings, digests of data, checkpoints, the teacher.
package final class JobContext {
  /// The base as the adapter changes it: student and teacher stand on the same one.
  package let session: BaseSession
  /// What was asked for.
  package let request: JobRequest
  /// The modules, and the adapter that changes them, if any.
  package let source: JobSource
  /// Where the time went.
  private(set) var clock = StageClock()
  /// What people should know.
  private(set) var warnings: [Warning]
  /// What the model wrote for calibration and training, if it did.
  private(set) var ownTexts: Setting?
  /// Digests of the data files as read, by role.
  private var dataDigests: [String: String] = [:]
  /// Checkpoints of this run, removed once the artifact is written.
  private var checkpoints: [TuningCheckpoint] = []
  private var loadedTeacher: DecoderPool?
  private var openedStore: TeacherStateStore?
  private var loadedScale: StartScale??
  /// Data files as tokens.
  private var knownExamples: [JobRequest.Data: [TokenizedExample]] = [:]

  /// A job on an open base.
  ///
  /// - Parameter adapter: The adapter of the request, where the caller has read it already.
  /// - Throws: what checking the request, opening and matching the adapter throws.
  package init(
    session: BaseSession, request: JobRequest, adapter: Adapter? = nil
  ) throws(Fault) {
    try request.check()
    self.request = request
    source = try JobSource(request, on: session, adapter: adapter)
    self.session = session.changed(by: source.parts)
    warnings = source.adapter?.warnings ?? []
    warnings += Warning.ofProducts(
      in: [request.tuning?.options.precision, request.evaluation?.precision])
    session.log.warn(warnings, about: request.subjectPath)
    // Said where the base was opened.
    warnings.insert(contentsOf: session.base.checkpoint.warnings, at: 0)
    try announce()
  }

  // MARK: - Stages

  /// Runs a stage and notes its time.
  package func run<Step: Stage>(_ stage: Step, _ input: Step.Input) throws(Fault) -> Step.Output {
    try Interruption.check()
    let output = try stage.run(input, in: self)
    if let name = Step.name, stage.isNeeded(for: input, in: self) {
      clock.lap(name)
      ProcessMemory.giveBack()
    }
    return output
  }

  /// Runs a stage that needs nothing of those before it.
  package func run<Step: Stage<Void, Output>, Output>(_ stage: Step) throws(Fault) -> Output {
    try run(stage, ())
  }

  /// Time of work that this job was part of.
  func note(stage: String, seconds: Double) { clock.add(seconds, to: stage) }

  func warn(_ warning: Warning) {
    warnings.append(warning)
    session.log.warn([warning])
  }

  // MARK: - Models and data

  /// The LoRA model, loaded when it is first needed: a conversion without data never decodes the whole base; nil where
  /// there is no adapter.
  ///
  /// Of DoRA the exact model under either handling of magnitudes, as `evaluate` measures it: an update that they make
  /// full-rank is whole here, and only directions lose some of it.
  package func teacher() throws(Fault) -> DecoderPool? {
    if let loadedTeacher { return loadedTeacher }
    guard let matched = source.matched else { return nil }
    let weights = try session.weights()
    // An earlier job may have left them as its steps had them.
    try weights.hold(.float32, threads: session.threads)
    let teacher = DecoderPool(
      weights: weights,
      updates: matched.decoderUpdates(layerCount: session.base.configuration.layerCount),
      threads: session.threads)
    loadedTeacher = teacher
    return teacher
  }

  /// What scales starts by `rows`, which are the same at every call; nil where there are none, or no LoRA to come near to.
  func startScale(_ rows: TuningData?) throws(Fault) -> StartScale? {
    if let loadedScale { return loadedScale }
    let chosen = source.matched == nil ? [] : try scaleRows(rows)
    let scale =
      chosen.isEmpty
      ? nil
      : StartScale(
        TuningData(
          training: [], validation: chosen, teacher: try teacher(), store: try teacherStore(),
          ranks: session.ranks))
    loadedScale = .some(scale)
    return scale
  }

  /// Where the teacher's states are kept between runs; nil where nothing is.
  func teacherStore() throws(Fault) -> TeacherStateStore? {
    if let openedStore { return openedStore }
    guard let adapter = source.adapter else { return nil }
    openedStore = try session.teacherStore(
      adapter: adapter.identity, reading: "\(request.magnitudes)")
    return openedStore
  }

  /// Says where teacher states could not be kept.
  func warnOfTeacherStore() {
    if let warning = openedStore?.warning { warn(Warning("CACHE", warning)) }
  }

  /// The file of examples; where the model writes them itself they are written first.
  func file(of examples: JobRequest.Examples) throws(Fault) -> JobRequest.Data {
    if let file = examples.file { return file }
    try session.checkWrites()
    guard let matched = source.matched else {
      throw Fault(.internalError, "JOB-SOURCE", "there is no LoRA model to write texts")
    }
    let writer = OwnTextWriter(
      session: session, matched: matched, texts: request.ownTexts, seed: request.seed,
      path: request.outputPath + ".self.jsonl")
    if ownTexts == nil {
      ownTexts = try writer.run(teacher: teacher)
      clock.lap("write texts")
    }
    return JobRequest.Data(path: writer.path, limit: examples.limit)
  }

  /// Examples as tokens; what they were read from becomes part of ``planDigest(_:gateRows:storage:)`` as `role`.
  package func tokenized(
    _ data: JobRequest.Data, role: String
  ) throws(Fault) -> [TokenizedExample] {
    let set = try DataSet(path: data.path, limit: data.limit, skip: data.skip)
    dataDigests[role] = set.digest.hex
    if let known = knownExamples[data] { return known }
    let tokenizer = try session.tokenizer()
    let examples = try session.tokenized(set)
    session.log.warn(tokenizer.map { examples.warnings(of: $0) } ?? [])
    knownExamples[data] = examples
    return examples
  }

  /// Says how many of the examples that are measured have been seen before: whatever they show is too good.
  ///
  /// Seen are the rows that train, validate or calibrate, by their tokens.
  func warnOfSeen(_ examples: [TokenizedExample], in path: String) {
    // Few are measured, and many may train.
    let measured = Set(examples)
    let seen = Set(knownExamples.values.joined().lazy.filter(measured.contains))
    let count = examples.count(where: seen.contains)
    guard count > 0 else { return }
    warn(
      Warning(
        "EVAL-SEEN",
        "\(count) of \(examples.count) examples to be measured are among those that train, validate or calibrate",
        subject: path))
  }

  // MARK: - Files of the job

  /// Keeps others from the output; nil where a batch has locked its directory.
  func lockOutput() throws(Fault) -> OutputLock? {
    guard request.checkpointPath == nil, session.ranks.isFirst else { return nil }
    // Two runs on one output would share a checkpoint.
    let lock = try OutputLock(file: request.outputPath)
    for path in [request.outputPath, request.outputPath + ".tuning"] {
      _ = try AtomicFile.removeLeftovers(of: path)
    }
    return lock
  }

  /// Where state is kept that outlives an interruption; others stand beside it with a suffix.
  var statePath: String { request.checkpointPath ?? request.outputPath + ".tuning" }

  /// The outcome of a race.
  var racePath: String { statePath + ".race" }

  /// A checkpoint of this job, removed once the artifact is written.
  func checkpoint(suffix: String, planDigest: String) -> TuningCheckpoint {
    let checkpoint = TuningCheckpoint(path: statePath + suffix, planDigest: planDigest)
    checkpoints.append(checkpoint)
    return checkpoint
  }

  /// Ends the job where ranks are not the same program, on the same kind of processor, with the same task.
  ///
  /// Sums of products differ in their last bits between kernels, and which rank computes what depends on their number.
  func agreeOnTask() throws(Fault) {
    try session.ranks.agree { () throws(Fault) in
      [
        ("the program", try SHA256Digest.of(InputFile(RankPlace.program)).hex),
        ("the kernels of products", "\(OpenBLAS.coreName) \(CPUKernels.name)"),
        ("the adapter", source.identity.hex),
        ("--restart", "\(request.restarts)"),
        ("the options", SHA256Digest.of(Array(request.recipe.canonicalText([.latents]).utf8)).hex),
      ]
    }
  }

  /// Ends the job where ranks have read other weights or rows.
  func agreeOnInputs(_ rows: JobRows?) throws(Fault) {
    try session.ranks.agree { () throws(Fault) in
      let plan = try planDigest(.uniform(0), gateRows: rows?.gate.count ?? 0)
      return [("the base or the data", plan)]
    }
  }

  /// Removes what an interruption would have needed.
  func removeState() {
    for checkpoint in checkpoints { checkpoint.remove() }
    Paths.removeIfPresent(racePath)
  }

  /// Identifies inputs and settings of a tuning run; a checkpoint of another plan is never continued.
  ///
  /// Contents, not places: a moved tree goes on. How often checkpoints are written changes no result.
  func planDigest(
    _ plan: RankPlan, gateRows: Int, storage: LatentStorage? = nil
  ) throws(Fault) -> String {
    // Embeddings and modules that no adapter is on decide gradients too.
    var lines = [try session.textIdentity().hex]
    lines += [source.identity.hex, session.packDigest?.hex ?? ""]
    lines += dataDigests.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    if let path = request.startArtifactPath {
      lines.append(try SHA256Digest.of(InputFile(path)).hex)
    }
    // What is measured beside the latents is no part of it: a control more does not train them again.
    lines.append(request.recipe.canonicalText([.latents]))
    lines.append("\(plan) \(gateRows) \(storage?.rawValue ?? "")")
    return SHA256Digest.of(Array(lines.joined(separator: "\n").utf8)).hex
  }
}
