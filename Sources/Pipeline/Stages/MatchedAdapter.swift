public import Adapters
public import Checkpoints
public import Faults
public import Models

/// An adapter whose every update has found its module in the base.
public struct MatchedAdapter: Sendable {
  /// The adapter, its modules named as in the base.
  public let adapter: Adapter
  /// The modules it changes, in model order.
  public let modules: [LinearModule]
  /// Their updates, in the same order.
  public let updates: [LowRankUpdate]
  /// What else it changes of the base, without what it leaves as it is.
  public let parts: [AdapterPart]
  /// What people should know although the adapter was matched.
  public let warnings: [Warning]

  /// Matches `adapter` to `base` and makes every update a change of the base's weight itself.
  ///
  /// - Throws: what ``Adapter/matched(to:)`` and ``Adapter/resolved(magnitudes:threads:weight:)`` throw;
  ///   `AD-EMPTY` for an adapter without updates.
  public init(
    _ adapter: Adapter, base: BaseCheckpoint, magnitudes: MagnitudeHandling = .approximate,
    threads: Int = 1
  ) throws(Fault) {
    let adapter = try adapter.matched(to: base.configuration)
      .resolved(magnitudes: magnitudes, threads: threads) { (module) throws(Fault) in
        try base.matrix(module + ".weight")
      }
    var byName: [String: LowRankUpdate] = [:]
    for update in adapter.updates { byName[update.moduleName] = update }
    var modules: [LinearModule] = []
    var updates: [LowRankUpdate] = []
    for module in base.linearModules {
      guard let update = byName[module.name] else { continue }
      modules.append(module)
      updates.append(update)
    }
    guard !modules.isEmpty else {
      throw Fault(
        .badData, "AD-EMPTY", "the adapter has no low-rank update of a linear module",
        path: adapter.path)
    }
    self.adapter = adapter
    self.modules = modules
    self.updates = updates
    // PEFT saves embeddings beside their factors although they are the base's own.
    var parts: [AdapterPart] = []
    for part in adapter.parts {
      if case .replaced(let values) = part.change,
        try ChangedParameters(base: base, changes: []).floats(part.parameter) == values
      {
        continue
      }
      parts.append(part)
    }
    self.parts = parts
    warnings = adapter.warnings + (try Self.headWarning(parts, base: base))
  }

  /// How far apart two matrices may be to be two codings of one, as a share of either.
  private static let codingError = 0.25

  /// A warning where embeddings change without a head that looks like them: a model that ties the two, whose file keeps
  /// them in different types, so that nothing tells (`formats/gguf.md` §7.1).
  private static func headWarning(
    _ parts: [AdapterPart], base: BaseCheckpoint
  ) throws(Fault) -> [Warning] {
    func changes(_ name: String) -> Bool { parts.contains { $0.parameter == name } }
    guard base.format == .gguf, !base.configuration.hasTiedEmbeddings,
      changes(LlamaNames.embedding), !changes(LlamaNames.head)
    else { return [] }
    let head = try base.checkpoint.floats(LlamaNames.head)
    let embedding = try base.checkpoint.floats(LlamaNames.embedding)
    var (difference, total) = (0.0, 0.0)
    for (left, right) in zip(head, embedding) {
      difference += Double(left - right) * Double(left - right)
      total += Double(right) * Double(right)
    }
    guard difference < codingError * codingError * total else { return [] }
    return [
      Warning(
        "AD-TIED",
        "the base's head is nearly its embeddings: if the model ties them, the change of the embeddings "
          + "should reach both, and here it reaches the embeddings only; take a base without output.weight",
        subject: LlamaNames.embedding)
    ]
  }

  /// The adapter as updates of a decoder.
  public func decoderUpdates(layerCount: Int) -> UpdateSet {
    MatchedAdapter.decoderUpdates(updates, modules: modules, layerCount: layerCount)
  }

  /// `updates` of `modules` as updates of a decoder.
  static func decoderUpdates(
    _ updates: [LowRankUpdate], modules: [LinearModule], layerCount: Int
  ) -> UpdateSet {
    var set = UpdateSet(layerCount: layerCount)
    for (module, update) in zip(modules, updates) {
      set[module.layer, module.kind] = ModuleUpdate(
        loraA: update.loraA, loraB: update.loraB, scaling: update.scaling)
    }
    return set
  }
}
