public import Checkpoints
public import Faults
public import Files
import LinearAlgebra
import Synchronization
import Tensors
import Threads

/// The bases of one base model: computed once, kept on disk or in memory.
///
/// Thread-safe. A basis is a function of the weight alone, so it is found again by the weight's
/// digest, whatever the file it came from. A damaged entry is computed again and replaced; a cache
/// that cannot be written costs time, not the run. Both leave a line in ``warnings``.
public final class BasisStore: Sendable {
  /// Where bases came from so far.
  public struct Counts: Sendable, Hashable {
    /// Computed by a decomposition.
    public var computed = 0
    /// Read from the cache.
    public var cached = 0
    /// Read from a pack.
    public var packed = 0
  }

  /// The base model.
  public let base: BaseCheckpoint
  /// The pack that serves in place of decompositions, if any.
  public let pack: BasisPack?
  /// The cache, if any.
  public let cache: BasisCache?
  private let threads: Int
  private let state = Mutex(State())

  private struct State {
    var digests: [String: SHA256Digest] = [:]
    var entries: [SHA256Digest: BasisCacheEntry] = [:]
    var warnings: [Warning] = []
    var counts = Counts()
    /// The last top factors of each module: the same for every adapter, and small.
    var topBases: [String: (wanted: BasisSelection, basis: ModuleBasis)] = [:]
  }

  /// A store over a base model.
  ///
  /// - Parameters:
  ///   - cache: where entries are kept; nil keeps them in memory, a little less than the
  ///     size of the weights in Float64.
  ///   - threads: modules computed at once in ``prepare(modules:progress:)``.
  ///   - pack: a `.xsbases` file to take all bases from, whatever the weights' digests: whether it
  ///     belongs to them is for the caller to check, by ``packDifferences(among:)``.
  /// - Throws: as ``BasisPack/open(_:)``.
  public init(
    base: BaseCheckpoint, cache: CacheDirectory?, threads: Int, pack: String? = nil
  ) throws(Fault) {
    self.base = base
    if let pack { self.pack = try BasisPack.open(pack) } else { self.pack = nil }
    self.threads = max(threads, 1)
    self.cache = cache.map { BasisCache($0) }
  }

  /// What went wrong without stopping the work.
  public var warnings: [Warning] { state.withLock { $0.warnings } }
  /// Where bases came from so far.
  public var counts: Counts { state.withLock { $0.counts } }

  /// SHA-256 of a module's decoded weight; remembered.
  public func weightDigest(of module: LinearModule) throws(Fault) -> SHA256Digest {
    if let known = state.withLock({ $0.digests[module.name] }) { return known }
    return try digest(of: try base.matrix(module.weightName), module)
  }

  /// SHA-256 over the modules' weight digests in the order given: names a base model.
  public func rootDigest(of modules: [LinearModule]) throws(Fault) -> SHA256Digest {
    var hasher = SHA256Hasher()
    for module in modules { hasher.update(try weightDigest(of: module).bytes) }
    return hasher.finalize()
  }

  /// The modules whose weights the pack was not computed from; none without a pack.
  public func packDifferences(among modules: [LinearModule]) throws(Fault) -> [LinearModule] {
    guard let pack else { return [] }
    var result: [LinearModule] = []
    for module in modules where try weightDigest(of: module) != pack.weightDigest(of: module.name) {
      result.append(module)
    }
    return result
  }

  /// The basis of a module, from the pack, memory or the cache, else computed and kept.
  ///
  /// - Parameter leading: Only this many first directions will be looked at; nil for all. A large weight is then
  ///   not decomposed whole.
  /// - Throws: what reading the weight throws; `NUM-SVD` naming the module.
  public func basis(
    of module: LinearModule, leading: Int? = nil
  ) throws(Fault) -> SingularBasis {
    if let pack {
      let basis = try pack.basis(of: module)
      state.withLock { $0.counts.packed += 1 }
      return basis
    }
    return try basis(of: module, leading: leading, needed: nil)
  }

  /// From memory or the cache, else computed; `needed` as in ``BasisCacheEntry``, whole if computed.
  private func basis(
    of module: LinearModule, leading: Int?, needed: [Int]?
  ) throws(Fault) -> SingularBasis {
    let weight = try base.matrix(module.weightName)
    let digest = try digest(of: weight, module)
    if let entry = stored(digest, module, leading: leading),
      entry.fits(rows: weight.rows, columns: weight.columns)
    {
      state.withLock { $0.counts.cached += 1 }
      let count = entry.singularValues.count
      return entry.basis(
        weight: weight, moduleName: module.name, needed: needed?.filter { $0 >= 0 && $0 < count })
    }
    let basis = try SingularBasis(weight: weight, moduleName: module.name, leading: leading)
    state.withLock { $0.counts.computed += 1 }
    keep(BasisCacheEntry(basis), digest, module)
    return basis
  }

  /// The factors of a module's first `rank` directions, or of fewer where that cut would split a cluster or there
  /// are not so many; remembered, so that many adapters cost one reading of the basis.
  public func topBasis(
    of module: LinearModule, rank: Int, omegaSeed: UInt64
  ) throws(Fault) -> ModuleBasis {
    let wanted = BasisSelection.top(rank: rank, omegaSeed: omegaSeed)
    if let known = knownTopBasis(of: module, for: wanted) { return known }
    let basis = try basis(of: module, leading: rank)
    let result = try basis.moduleBasis(
      for: .top(rank: basis.admissibleRank(rank), omegaSeed: omegaSeed)
    ).keepingGrams
    keepTopBasis(result, of: module, for: wanted)
    return result
  }

  private func knownTopBasis(
    of module: LinearModule, for selection: BasisSelection
  ) -> ModuleBasis? {
    state.withLock { state in
      guard let known = state.topBases[module.name],
        known.wanted == selection || known.basis.selection == selection
      else { return nil }
      return known.basis
    }
  }

  private func keepTopBasis(
    _ basis: ModuleBasis, of module: LinearModule, for wanted: BasisSelection
  ) {
    state.withLock { $0.topBases[module.name] = (wanted, basis) }
  }

  /// The factors of a module for a choice of directions; random ones need no decomposition.
  public func moduleBasis(
    of module: LinearModule, for selection: BasisSelection
  ) throws(Fault) -> ModuleBasis {
    let needed: [Int]
    if let known = knownTopBasis(of: module, for: selection) { return known }
    switch selection {
    case .random(let rank, let seed):
      return try ModuleBasis(
        randomFor: module.name, outFeatures: module.outFeatures, inFeatures: module.inFeatures,
        rank: rank, seed: seed)
    case .top(let rank, _): needed = Array(0..<max(rank, 0))
    case .selected(let output, let input): needed = Set(output + input).sorted()
    case .own: throw BasisSelection.notOfBase(module.name)
    case .none: needed = []
    }
    let basis =
      pack == nil
      ? try basis(of: module, leading: selection.leadingCount, needed: needed)
      : try basis(of: module)
    return try basis.moduleBasis(for: selection)
  }

  /// Computes what is missing, several modules at once.
  ///
  /// - Parameters:
  ///   - leading: Of each module, as in ``basis(of:leading:)``.
  ///   - progress: Called with modules done and in all, from any thread, one at a time.
  /// - Throws: as ``basis(of:leading:)``, the fault of the first failing module.
  public func prepare(
    modules: [LinearModule], leading: @Sendable (LinearModule) -> Int? = { _ in nil },
    progress: @Sendable (Int, Int) -> Void = { _, _ in }
  ) throws(Fault) {
    guard pack == nil else { return }
    // Large ones first, so that the last thread is not left with one.
    let order = modules.indices.sorted {
      (modules[$0].cost, $1) > (modules[$1].cost, $0)
    }
    let done = Mutex(0)
    // As many at once as fit into half of what the machine has left.
    let room = MemoryShare(ProcessLimits.availableMemory.map { $0 / 2 } ?? .max) {
      modules[order[$0]].decompositionByteCount
    }
    _ = try parallelMap(modules.count, threads: threads, memory: room) { index throws(Fault) in
      let module = modules[order[index]]
      let leading = leading(module)
      if !isStored(try weightDigest(of: module), module, leading: leading) {
        _ = try basis(of: module, leading: leading)
      }
      done.withLock {
        $0 += 1
        progress($0, modules.count)
      }
    }
  }

  // MARK: - Storage

  private func digest(
    of weight: Matrix<Float>, _ module: LinearModule
  ) throws(Fault) -> SHA256Digest {
    if let known = state.withLock({ $0.digests[module.name] }) { return known }
    let digest = SHA256Digest.of(weight.elements)
    state.withLock { $0.digests[module.name] = digest }
    return digest
  }

  private func isStored(
    _ digest: SHA256Digest, _ module: LinearModule, leading: Int?
  ) -> Bool {
    if let cache, cache.hasWhole(digest) { return true }
    // Of leading directions there may be too few: only the entry itself tells.
    return stored(digest, module, leading: leading) != nil
  }

  private func stored(
    _ digest: SHA256Digest, _ module: LinearModule, leading: Int?
  ) -> BasisCacheEntry? {
    guard let cache else {
      return state.withLock {
        $0.entries[digest].flatMap { $0.serves(leading: leading) ? $0 : nil }
      }
    }
    for isPartial in leading == nil ? [false] : [false, true] {
      let found = cache.read(digest, isPartial: isPartial)
      if found.isDamaged {
        warn(
          Warning(
            "CACHE", "damaged cache entry, computed again",
            subject: cache.path(for: digest, isPartial: isPartial)))
      }
      if let entry = found.entry, entry.serves(leading: leading) { return entry }
    }
    return nil
  }

  private func keep(_ entry: BasisCacheEntry, _ digest: SHA256Digest, _ module: LinearModule) {
    guard let cache else {
      state.withLock { $0.entries[digest] = entry }
      return
    }
    do throws(Fault) {
      try cache.write(entry, for: digest)
    } catch {
      warn(Warning("CACHE", "the basis was not cached: \(error)", subject: module.name))
    }
  }

  private func warn(_ warning: Warning) { state.withLock { $0.warnings.append(warning) } }
}

extension LinearModule {
  /// Bytes of a whole decomposition, at its most: the weight, three such matrices in Float64, and two of the shorter side.
  fileprivate var decompositionByteCount: Int {
    let (short, long) = (min(outFeatures, inFeatures), max(outFeatures, inFeatures))
    return short * (long * (4 + 3 * 8) + short * 2 * 8)
  }

  /// Proportional to the work of a decomposition.
  fileprivate var cost: Int {
    let short = min(outFeatures, inFeatures)
    return short * short * (outFeatures + inFeatures)
  }
}
