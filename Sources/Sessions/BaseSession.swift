public import Adapters
public import Bases
public import Checkpoints
package import Evaluation
public import Faults
public import Files
import LinearAlgebra
public import Models
public import Progress
public import Ranks
import Threads
public import Tokenizers
package import Training

/// A base model opened once and shared by every job on it: its weights, tokenizer, bases and digests.
///
/// Weights are decoded on first use and kept, since evaluation and tuning read all of them for every batch. Where
/// the memory budget does not hold them, blocks stay on disk and are decoded at every pass: slower, with the same
/// results to the bit. `inspect` and `bases` never decode more than a tensor at a time.
public final class BaseSession {
  /// The checkpoint.
  public let base: BaseCheckpoint
  /// The store of singular bases.
  public let bases: BasisStore
  /// Threads for products and parallel work.
  public let threads: Int
  /// Where progress goes.
  public let log: ProgressLog
  /// The processes that share its jobs.
  public let ranks: Ranks
  /// Digest of the pack that supplies the bases, if any; artifacts made with it name it.
  public let packDigest: SHA256Digest?
  package let probeDraws: ProbeDraws
  /// Parameters of the base that an adapter changes beside its updates; see ``changed(by:)``.
  public let changes: [AdapterPart]
  /// The session on the unchanged base; nil where this is it.
  private let origin: BaseSession?
  /// The memory budget in bytes.
  package var memory: Int? { unchanged.ownMemory }
  private var ownMemory: Int?
  private var ownDemand = MemoryPlan.Demand()
  private var loadedWeights: DecoderWeights?
  /// Whether their blocks are held.
  private var holdsWeights = false
  private var loadedTokenizer: Tokenizer?
  private var knownIdentity: SHA256Digest?
  private var knownTextIdentity: SHA256Digest?
  private let teacherStates: TeacherStateCache?
  /// Second moments of the base, for all jobs on it.
  package let moments: SharedMoments
  /// What the base made of examples, for all jobs on it.
  package let states: BaseStates

  /// Opens the base at `path`; `pack` supplies bases instead of an SVD, `memory` is the budget in bytes, `cacheLimit`
  /// bounds what all caches take.
  public init(
    path: String, cacheDirectory: String?, cacheLimit: Int = CacheDirectory.defaultByteLimit,
    pack: String? = nil, threads: Int, memory: Int? = nil, log: ProgressLog, ranks: Ranks = .one
  ) throws(Fault) {
    let cache = cacheDirectory.map { CacheDirectory($0, byteLimit: cacheLimit) }
    base = try BaseCheckpoint.open(path)
    probeDraws = ProbeDraws(base: base)
    teacherStates = cache.map { TeacherStateCache($0) }
    moments = SharedMoments(cache: cache)
    states = BaseStates()
    bases = try BasisStore(base: base, cache: cache, threads: threads, pack: pack)
    packDigest = try bases.pack?.digest()
    ownMemory = memory
    self.threads = threads
    self.log = log
    self.ranks = ranks
    changes = []
    configuration = base.configuration
    origin = nil
    log.warn(base.checkpoint.warnings, about: path)
  }

  private init(_ origin: BaseSession, changes: [AdapterPart]) {
    base = origin.base
    bases = origin.bases
    probeDraws = origin.probeDraws
    teacherStates = origin.teacherStates
    moments = origin.moments
    states = origin.states
    packDigest = origin.packDigest
    threads = origin.threads
    log = origin.log
    ranks = origin.ranks
    self.changes = changes
    configuration = ChangedParameters(base: origin.base, changes: changes).configuration
    self.origin = origin
  }

  /// The session on the base as it is in the file.
  public var unchanged: BaseSession { origin ?? self }

  /// The shape of the model, with the head that the changes bring.
  public let configuration: DecoderConfiguration

  /// The session that stands for the base where models are compared: ``unchanged``, or where that is an encoder without a head
  /// the same with this session's, as there is nothing else to measure.
  public var asBase: BaseSession {
    guard configuration.classHead != nil, unchanged.configuration.classHead == nil else {
      return unchanged
    }
    let modules = Set(configuration.classModules)
    return unchanged.changed(by: changes.filter { modules.contains($0.module) })
  }

  /// A session whose ``weights()`` have the changes; everything else is this one's.
  ///
  /// Singular directions, digests and probes stay those of the base: changes apply before updates are added,
  /// and no update is measured against them.
  public func changed(by parts: [AdapterPart]) -> BaseSession {
    if parts == changes { return self }
    return parts.isEmpty ? unchanged : BaseSession(unchanged, changes: parts)
  }

  /// What is known of the jobs on this base.
  private var demand: MemoryPlan.Demand {
    get { unchanged.ownDemand }
    set { unchanged.ownDemand = newValue }
  }

  private func plan(_ memory: Int) -> MemoryPlan {
    MemoryPlan(budget: memory, base: base, threads: threads, demand: demand)
  }

  /// Begins other jobs, with a budget of `memory` bytes: what those before them needed is forgotten.
  package func begin(memory: Int?) {
    unchanged.ownMemory = memory
    demand = MemoryPlan.Demand()
  }

  /// Prepares for work of this size; what is refused leaves no trace.
  ///
  /// - Throws: 71 `MEM-BUDGET` where the budget is too small for it.
  package func expect(_ more: MemoryPlan.Demand) throws(Fault) {
    let known = demand
    demand = known.union(more)
    guard let memory else { return }
    do throws(Fault) {
      try plan(memory).check()
    } catch {
      demand = known
      throw error
    }
  }

  /// The decoded weights, or their blocks one at a time where the budget does not hold them.
  ///
  /// - Throws: 71 `MEM-BUDGET` where the budget does not even hold one block; what decoding throws.
  public func weights() throws(Fault) -> DecoderWeights {
    let fits = memory.map { plan($0).held <= $0 } ?? true
    // Those of a job before this one may be more than this one leaves room for.
    if holdsWeights, !fits { dropWeights() }
    if let loadedWeights { return loadedWeights }
    let weights = try decodedWeights()
    loadedWeights = weights
    holdsWeights = fits
    return weights
  }

  /// Lets go of the weights where nothing runs the model for a while; they are decoded again when they are asked for.
  package func dropWeights() {
    loadedWeights = nil
    holdsWeights = false
    ProcessMemory.giveBack()
  }

  private func decodedWeights() throws(Fault) -> DecoderWeights {
    let changed = changes.isEmpty ? nil : ChangedParameters(base: base, changes: changes)
    if let memory, plan(memory).held > memory {
      var running = MemoryPlan.Demand()
      running.runsModel = true
      try expect(running)
      let plan = plan(memory)
      log.note(
        "the decoded weights would take \(plan.held) bytes with all else, the budget is \(memory): blocks are decoded at every pass"
      )
      if let changed { return try changed.weights(passByteCount: plan.passes) }
      return try DecoderWeights(streaming: base, passByteCount: plan.passes)
    }
    let task = log.task("load base", total: base.configuration.layerCount, unit: "layers")
    let progress = { (done: Int, _: Int) in task.update(completed: done) }
    defer { task.finish() }
    if let changed { return try changed.weights(progress: progress) }
    return try DecoderWeights(base: base, progress: progress)
  }

  /// What the budget leaves for activations; nil without a budget.
  var memoryBesideWeights: Int? {
    guard let memory else { return nil }
    let plan = plan(memory)
    return plan.held > memory
      ? plan.passes : memory - DecoderWeights.byteCount(held: base)
  }

  /// Where the states of a teacher over this base are kept between runs; nil without a cache directory.
  ///
  /// - Parameter reading: What beside its files decides the adapter's values.
  package func teacherStore(
    adapter: SHA256Digest, reading: String
  ) throws(Fault) -> TeacherStateStore? {
    guard let teacherStates else { return nil }
    return TeacherStateStore(
      cache: teacherStates,
      identity: SHA256Digest.of(Array((try identity().hex + adapter.hex + reading).utf8)))
  }

  /// Digest of the files that hold the weights, of the shape they are used in, and of what replaces parameters.
  package func identity() throws(Fault) -> SHA256Digest {
    if let knownIdentity { return knownIdentity }
    var hasher = SHA256Hasher()
    hasher.update(Array("\(base.configuration.text) \(changes.isEmpty)".utf8))
    for part in changes {
      guard case .replaced(let values) = part.change else { continue }
      hasher.update(Array(part.parameter.utf8))
      hasher.update(SHA256Digest.of(values).bytes)
    }
    for path in base.weightPaths { hasher.update(try SHA256Digest.of(InputFile(path)).bytes) }
    let identity = hasher.finalize()
    knownIdentity = identity
    return identity
  }

  /// Digest of all that decides what the base makes of a text: its weights, and the tokenizer and what else lies beside them.
  package func textIdentity() throws(Fault) -> SHA256Digest {
    if let knownTextIdentity { return knownTextIdentity }
    var hasher = SHA256Hasher()
    hasher.update(try identity().bytes)
    for file in try base.checkpoint.companionFiles()?.kept ?? [] {
      hasher.update(Array(file.name.utf8))
      hasher.update(try SHA256Digest.of(InputFile(file.path)).bytes)
    }
    let identity = hasher.finalize()
    knownTextIdentity = identity
    return identity
  }

  /// The tokenizer of the base; nil of one that reads images.
  public func tokenizer() throws(Fault) -> Tokenizer? {
    guard configuration.imageShape == nil else { return nil }
    if let origin { return try origin.tokenizer() }
    if let loadedTokenizer { return loadedTokenizer }
    let tokenizer = try Tokenizer(base: base)
    loadedTokenizer = tokenizer
    return tokenizer
  }

  /// The rows of a data file as the base's tokens, conversations by its chat template, images as it wants them.
  package func tokenized(_ set: DataSet) throws(Fault) -> [TokenizedExample] {
    let checkpoint = base.checkpoint
    let shape = configuration.imageShape
    return try set.tokenized(by: try tokenizer(), for: configuration) { () throws(Fault) in
      try checkpoint.chatTemplate()
    } imageProcessing: { () throws(Fault) in
      guard let shape else { return nil }
      return try checkpoint.imageProcessing(shape)
    }
  }

  /// Refuses to have a model write that does not predict tokens.
  ///
  /// - Throws: 65 `DATA-HEAD`.
  package func checkWrites() throws(Fault) {
    guard !configuration.hasLanguageHead else { return }
    throw Fault(
      .badData, "DATA-HEAD", "the model writes no texts: it has no head that predicts tokens",
      path: base.path)
  }

  /// SHA-256 of each module's decoded weight (Float32, little-endian, Hugging Face row order).
  public func moduleDigests(_ modules: [LinearModule]) throws(Fault) -> [SHA256Digest] {
    let bases = self.bases
    return try parallelMap(modules.count, threads: threads) {
      (index) throws(Fault) -> SHA256Digest in
      try bases.weightDigest(of: modules[index])
    }
  }

  /// The singular bases of `modules`, from the pack, the cache or an SVD; only the first `leading` directions of each
  /// where given.
  public func prepareBases(
    _ modules: [LinearModule], leading: @Sendable (LinearModule) -> Int? = { _ in nil }
  ) throws(Fault) {
    try expect(MemoryPlan.Demand())
    let task = log.task("bases", total: modules.count, unit: "modules")
    let known = bases.warnings.count
    try bases.prepare(modules: modules, leading: leading) { done, _ in task.update(completed: done)
    }
    task.finish()
    log.warn(Array(bases.warnings.dropFirst(known)))
    let foreign = try bases.packDifferences(among: modules)
    if let first = foreign.first {
      log.warn([
        Warning(
          "BASIS-PACK",
          "the pack was made from other weights in \(foreign.count) of \(modules.count) modules, first "
            + "\(first.name): artifacts need this pack to load")
      ])
    }
  }
}
