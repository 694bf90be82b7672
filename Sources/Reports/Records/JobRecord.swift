/// Everything worth knowing about one conversion: `xspress.record/1` (`formats/record.md`).
public struct JobRecord: Hashable, Sendable {
  /// What became of the job.
  public enum State: String, Hashable, Sendable, CaseIterable {
    /// The artifact exists and was measured as asked.
    case done
    /// It ended with an error.
    case failed
    /// Its artifact did not retain the gain that was asked for, so it was not written.
    case rejected
    /// No artifact retained the gain that was asked for, so the LoRA stays as it is, as the options say.
    case kept
    /// It was not asked for in this run (`--only`) or not reached.
    case skipped
  }

  /// The job's name, unique in its batch.
  public var name: String
  /// What became of it.
  public var state: State
  /// Why it failed or was rejected.
  public var failure: FailureRecord?
  /// The adapter that was converted; nil also for a start from nothing.
  public var adapter: SourceRecord?
  /// The base model.
  public var base: SourceRecord?
  /// Path of the artifact, relative to the record where possible.
  public var artifactPath: String?
  /// SHA-256 of the artifact's file, hex: which file this record is about.
  public var artifactSHA256: String?
  /// How it was made: rank or budget, directions, method, store.
  public var settings: [Setting]
  /// Every option in force by its key in a manifest; empty in records from before it.
  public var recipe: [Setting]
  /// Bytes before and after.
  public var sizes: SizeRecord?
  /// Variants and comparisons; `nil` when nothing was measured.
  public var evaluation: EvaluationRecord?
  /// One record a module, in the artifact's order.
  public var modules: [ModuleRecord]
  /// How the latents were tuned; `nil` for a conversion without training.
  public var tuning: TuningRecord?
  /// How the form was chosen; `nil` where it was given.
  public var race: RaceRecord?
  /// What a minimum of retained gain found; `nil` where none was asked for.
  public var gate: GateRecord?
  /// Every seed that was used.
  public var seeds: [Setting]
  /// Wall seconds of each stage, in order.
  public var stages: [Setting]
  /// Threads the job ran with.
  public var threads: Int
  /// The most memory that the process held while it was at the job, or at the group that the job was done in; nil where
  /// the kernel does not say, and in records from before it.
  public var peakBytes: Int?
  /// The machine in one line: CPU, cores, memory, BLAS.
  public var machine: String
  /// Name and version of the program.
  public var createdBy: String
  /// Digest of inputs and options; two records agree in it when they did the same job.
  public var planDigest: String?
  /// What the user should know, one sentence each.
  public var warnings: [String]

  /// Creates a record; what does not apply stays empty.
  public init(
    name: String, state: State, failure: FailureRecord? = nil, adapter: SourceRecord? = nil,
    base: SourceRecord? = nil, artifactPath: String? = nil,
    artifactSHA256: String? = nil, settings: [Setting] = [], recipe: [Setting] = [],
    sizes: SizeRecord? = nil, evaluation: EvaluationRecord? = nil, modules: [ModuleRecord] = [],
    tuning: TuningRecord? = nil, race: RaceRecord? = nil, gate: GateRecord? = nil,
    seeds: [Setting] = [],
    stages: [Setting] = [], threads: Int = 0, peakBytes: Int? = nil, machine: String = "",
    createdBy: String = "",
    planDigest: String? = nil,
    warnings: [String] = []
  ) {
    self.name = name
    self.state = state
    self.failure = failure
    self.adapter = adapter
    self.base = base
    self.artifactPath = artifactPath
    self.artifactSHA256 = artifactSHA256
    self.settings = settings
    self.recipe = recipe
    self.sizes = sizes
    self.evaluation = evaluation
    self.modules = modules
    self.tuning = tuning
    self.race = race
    self.gate = gate
    self.seeds = seeds
    self.stages = stages
    self.threads = threads
    self.peakBytes = peakBytes
    self.machine = machine
    self.createdBy = createdBy
    self.planDigest = planDigest
    self.warnings = warnings
  }
}
