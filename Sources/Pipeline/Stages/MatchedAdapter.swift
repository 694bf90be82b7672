public import Adapters
public import Checkpoints
public import Faults
public import Models

/// An adapter whose every update has found its module in the base.
public struct MatchedAdapter: Sendable {
  /// The adapter as read.
  public let adapter: Adapter
  /// The modules it changes, in model order.
  public let modules: [LinearModule]
  /// Their updates, in the same order.
  public let updates: [LowRankUpdate]

  /// Matches `adapter` to `base`.
  ///
  /// - Throws: `AD-TARGET` for an update of a module the base does not have, `AD-BASE` where the shapes
  ///   disagree (both are named), `AD-EMPTY` for an adapter without updates.
  public init(_ adapter: Adapter, base: BaseCheckpoint) throws(Fault) {
    var byName: [String: LowRankUpdate] = [:]
    for update in adapter.updates { byName[update.moduleName] = update }
    var modules: [LinearModule] = []
    var updates: [LowRankUpdate] = []
    for module in base.linearModules {
      guard let update = byName.removeValue(forKey: module.name) else { continue }
      guard update.outFeatures == module.outFeatures, update.inFeatures == module.inFeatures
      else {
        throw Fault(
          .badData, "AD-BASE",
          "adapter made for another base: update is [\(update.outFeatures), \(update.inFeatures)], "
            + "the base weight is [\(module.outFeatures), \(module.inFeatures)]",
          path: adapter.path, tensor: module.name)
      }
      modules.append(module)
      updates.append(update)
    }
    if let left = byName.keys.min() {
      throw Fault(
        .badData, "AD-TARGET", "the base \(base.path) has no such linear module",
        path: adapter.path, tensor: left)
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
