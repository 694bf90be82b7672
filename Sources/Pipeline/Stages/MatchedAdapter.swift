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

  /// Matches `adapter` to `base`.
  ///
  /// - Throws: what ``Adapter/matched(to:)`` throws; `AD-EMPTY` for an adapter without updates.
  public init(_ adapter: Adapter, base: BaseCheckpoint) throws(Fault) {
    let adapter = try adapter.matched(to: base.configuration)
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
      throw Fault(.badData, "AD-EMPTY", "the adapter changes no module", path: adapter.path)
    }
    self.adapter = adapter
    self.modules = modules
    self.updates = updates
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
