public import Adapters
public import Checkpoints
public import Faults
import JSON
public import Models

/// An adapter whose every update has found its module in the base.
public struct MatchedAdapter: Sendable {
  /// The adapter, its modules named as in the base.
  public let adapter: Adapter
  /// The modules it changes, in model order.
  public let modules: [LinearModule]
  /// Their updates, in the same order, none of higher rank than its weight's smaller side.
  public let updates: [LowRankUpdate]
  /// What else it changes of the base, without what it leaves as it is.
  public let parts: [AdapterPart]

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
      updates.append(update.compact)
    }
    guard !modules.isEmpty else {
      throw Fault(
        .badData, "AD-EMPTY", "the adapter has no low-rank update of a linear module",
        path: adapter.path)
    }
    self.modules = modules
    self.updates = updates
    let (parts, notes) = try MatchedAdapter.changes(adapter, base: base, updated: byName)
    self.parts = parts
    self.adapter = adapter.adding(notes)
  }

  /// Refuses to run a head for tokens or spans: its weights look like those of a head for whole texts, which it is not.
  ///
  /// - Throws: 69 `MD-HEAD`.
  package func checkAnswers() throws(Fault) {
    try TaskType.checkAnswers(adapter.taskType, parts, path: adapter.path)
  }

  /// The parts that change something.
  ///
  /// PEFT saves the weights of embeddings and heads beside their factors, and full
  /// state dictionaries hold those of all modules, although they are the base's own.
  ///
  /// - Throws: 65 `AD-BASE` for another weight beside the update of a linear module: ΔW belongs to that one.
  private static func changes(
    _ adapter: Adapter, base: BaseCheckpoint, updated: [String: LowRankUpdate]
  ) throws(Fault) -> (parts: [AdapterPart], notes: [Warning]) {
    var (parts, notes): ([AdapterPart], [Warning]) = ([], [])
    let unchanged = ChangedParameters(base: base, changes: [])
    let known = Set(base.configuration.parameters.map { UTF8Key($0.name) })
    let model = ChangedParameters(base: base, changes: adapter.parts).configuration
    let runs = Set(model.parameters.map { UTF8Key($0.name) })
    let products = Set(
      adapter.parts.filter { part in
        if case .product = part.change { return true }
        return false
      }.map(\.parameter))
    for part in adapter.parts {
      guard case .replaced(let values) = part.change else {
        parts.append(part)
        continue
      }
      guard known.contains(UTF8Key(part.parameter)) else {
        if !runs.contains(UTF8Key(part.parameter)) {
          notes.append(
            Warning(
              "AD-HEAD",
              "the head of a task is carried whole, and nothing here runs it: what is measured is the language model",
              subject: part.parameter))
        }
        parts.append(part)
        continue
      }
      let own = try unchanged.floats(part.parameter)
      if own == values { continue }
      if part.leaf == "weight", updated[part.module] != nil {
        let count = zip(own, values).count { $0 != $1 }
        throw Fault(
          .badData, "AD-BASE",
          "the file holds this module's base weight too, and \(count) of its \(values.count) values differ from "
            + "this base's; give the base that was trained on, or leave base_layer.weight out of the file",
          path: adapter.path, tensor: part.parameter)
      }
      if products.contains(part.parameter) {
        notes.append(
          Warning(
            "AD-BASE",
            "the weight saved beside its factors differs from the base's: it is carried whole",
            subject: part.parameter))
      }
      parts.append(part)
    }
    notes += try headWarning(parts, base: base)
    return (parts, notes)
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
      changes(base.configuration.embeddingName), !changes(base.configuration.headName)
    else { return [] }
    let head = try base.checkpoint.floats(base.configuration.headName)
    let embedding = try base.checkpoint.floats(base.configuration.embeddingName)
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
        subject: base.configuration.embeddingName)
    ]
  }

  /// The adapter as updates of a decoder.
  public func decoderUpdates(layerCount: Int) -> UpdateSet {
    MatchedAdapter.decoderUpdates(updates, modules: modules, layerCount: layerCount)
  }

  /// `updates` of `modules` as updates of a decoder.
  package static func decoderUpdates(
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
