public import Checkpoints
public import Faults
import JSON
import Tensors

extension Adapter {
  /// A linear module of a base: its path and the shape of its weight.
  public typealias Module = (name: String, outFeatures: Int, inFeatures: Int)
  /// Any parameter of a base: its name and its shape.
  public typealias Parameter = (name: String, shape: [Int])

  /// The adapter as the base sees it: every update under the path of one module, of that module's
  /// shape, with rows in Hugging Face order, in the order of the base (`formats/adapters.md` §3).
  ///
  /// - Parameters:
  ///   - modules: The base's linear modules.
  ///   - parameters: All parameters of the base, for what changes others than those modules' weights.
  ///   - headIsTied: Whether the base's output head is its embeddings.
  ///   - headDimension: Rows of one attention head, for dialects that store queries and keys interleaved.
  ///   - keyValueHeadCount: How many heads have a key, for dialects that order queries, keys and values otherwise.
  ///   - names: The names of the base's family, for its embeddings and its head.
  /// - Throws: 65 `AD-TARGET` for a name that no module has, naming the nearest, or that two have, naming
  ///   both; 65 `AD-BASE` with both shapes when the sizes differ; 65 `AD-DUP` for two updates of one
  ///   module; 69 `AD-TENSOR` for a change of something that the base does not have.
  public func matched(
    to modules: [Module], parameters: [Parameter] = [], headIsTied: Bool = false,
    headDimension: Int? = nil, keyValueHeadCount: Int? = nil, names: TensorNames = .llama
  ) throws(Fault) -> Adapter {
    do throws(Fault) {
      try checkLayers(of: modules)
      var table: [UTF8Key: [Int]] = [:]
      for (index, module) in modules.enumerated() {
        for spelling in spellings(of: module.name, names) {
          table[UTF8Key(spelling), default: []].append(index)
        }
      }
      var owners: [Int: String] = [:]
      var result: [(index: Int, update: LowRankUpdate)] = []
      let unstacked = try unstacked(modules, names)
      var parts = unstacked.parts
      var lacksPrefix = false
      for update in updates + unstacked.updates {
        if table[UTF8Key(update.moduleName)] == nil,
          let part = try outside(update, parameters, names)
        {
          parts.append(part)
          continue
        }
        let index = try Adapter.only(table[UTF8Key(update.moduleName)] ?? [], update, modules)
        let module = modules[index]
        if let other = owners.updateValue(update.moduleName, forKey: index) {
          throw Fault(
            .badData, "AD-DUP",
            "changes \(Fault.escaped(module.name, limit: 96)), which "
              + "\(Fault.escaped(other, limit: 96)) changes too", tensor: update.moduleName)
        }
        let update = update.sliced(to: module.inFeatures)
        guard module.outFeatures == update.outFeatures, module.inFeatures == update.inFeatures
        else {
          throw Fault(
            .badData, "AD-BASE",
            "adapter made for another base: update [\(update.outFeatures), \(update.inFeatures)], "
              + "weight [\(module.outFeatures), \(module.inFeatures)]", tensor: update.moduleName)
        }
        if naming == .paths, ggufNames == nil,
          !UTF8Key.equalBytes(module.name, update.moduleName)
        {
          lacksPrefix = true
        }
        result.append(
          (
            index,
            try renamed(
              update, to: module.name, headDimension: headDimension,
              keyValueHeads: keyValueHeadCount)
          ))
      }
      let note = Warning("AD-TARGET", "module names lack the leading model. of the base's")
      let ordered = result.sorted { $0.index < $1.index }.map(\.update)
      return Adapter(
        self, updates: ordered,
        parts: try matched(parts, to: parameters, headIsTied: headIsTied, names: names),
        warnings: warnings + (lacksPrefix ? [note] : []))
    } catch {
      throw error.at(path: path)
    }
  }

  /// PEFT would leave out, or lack, layers of a base that has another number than the stack.
  private func checkLayers(of modules: [Module]) throws(Fault) {
    guard let stacked = stackedLayerCount else { return }
    var count = 0
    for module in modules {
      count = max(count, (try ModuleOrder(module.name).layerNumber ?? -1) + 1)
    }
    guard count == stacked else {
      throw Fault(
        .unsupported, "AD-FIELD",
        "layer_replication makes \(stacked) layers, the base has \(count): layers of another model; write that model out "
          + "as the base")
    }
  }

  /// Matches with a model of this shape.
  public func matched(to configuration: DecoderConfiguration) throws(Fault) -> Adapter {
    try matched(
      to: configuration.linearModules.map { ($0.name, $0.outFeatures, $0.inFeatures) },
      parameters: configuration.parameters, headIsTied: configuration.hasTiedEmbeddings,
      headDimension: configuration.headDimension,
      keyValueHeadCount: configuration.keyValueHeadCount, names: configuration.names)
  }

  /// The names under which an adapter may mean the module: an adapter of the model without its head
  /// has no `model.`, `transformer.`, `gpt_neox.`, `bert.`, `roberta.`, `deberta.` or `vit.` in front; one of a class with names of
  /// its own has those.
  func spellings(of name: String, _ family: TensorNames) -> [String] {
    let prefixes = ["model.", "transformer.", "gpt_neox.", "bert.", "roberta.", "deberta.", "vit."]
    let prefix = prefixes.first(where: name.hasPrefix) ?? ""
    // Transformers 5 calls Mixtral's router otherwise than its files do.
    let newer =
      name.hasSuffix(".block_sparse_moe.gate")
      ? name.dropLast(".block_sparse_moe.gate".count) + ".mlp.gate" : nil
    let own = [
      name, family.classModule(of: name), ggufSpelling(of: name, family), newer.map(String.init),
    ]
    let names = own.compactMap(\.self).flatMap {
      prefix.isEmpty || !$0.hasPrefix(prefix) ? [$0] : [$0, String($0.dropFirst(prefix.count))]
    }
    return naming == .paths ? names : names.map { $0.replacing(".", with: "_") }
  }

  /// What the family that a GGUF adapter is read as calls the module: of several families of one architecture it is the first.
  private func ggufSpelling(of name: String, _ family: TensorNames) -> String? {
    guard let ggufNames, let stored = family.gguf(huggingFace: name + ".weight"),
      let other = ggufNames.huggingFace(gguf: stored)
    else { return nil }
    let module = String(other.dropLast(".weight".count))
    return UTF8Key.equalBytes(module, name) ? nil : module
  }

  private static func only(
    _ places: [Int], _ update: LowRankUpdate, _ modules: [Module]
  ) throws(Fault) -> Int {
    if places.count == 1 { return places[0] }
    if places.count > 1 {
      throw Fault(
        .badData, "AD-TARGET",
        "could mean \(Fault.escaped(modules[places[0]].name, limit: 96)) or "
          + "\(Fault.escaped(modules[places[1]].name, limit: 96))", tensor: update.moduleName)
    }
    let nearest = modules.map(\.name).max {
      commonEnding($0, update.moduleName) < commonEnding($1, update.moduleName)
    }
    throw Fault(
      .badData, "AD-TARGET",
      "the base has no such linear module, nearest is "
        + Fault.escaped(nearest ?? "none", limit: 96),
      tensor: update.moduleName)
  }

  /// Bytes that two names share at their ends; module names differ at the front.
  static func commonEnding(_ left: String, _ right: String) -> Int {
    zip(left.utf8.reversed(), right.utf8.reversed()).prefix { $0 == $1 }.count
  }

  private func renamed(
    _ update: LowRankUpdate, to name: String, headDimension: Int?, keyValueHeads: Int?
  ) throws(Fault) -> LowRankUpdate {
    var b = update.loraB
    if let ggufNames, ggufNames.ordersRows(of: name) {
      guard let headDimension, headDimension > 0,
        let order = ggufNames.rowOrder(
          of: name, rows: b.rows, headDimension: headDimension, keyValueHeads: keyValueHeads),
        order.headDimension == headDimension
      else {
        throw Fault(
          .badData, "AD-BASE",
          "\(b.rows) rows are not whole heads of \(headDimension.map(String.init) ?? "unknown") "
            + "rows", tensor: update.moduleName)
      }
      b = b.selectingRows((0..<b.rows).map { order.ggufRow(ofHuggingFace: $0) })
    }
    return LowRankUpdate(
      moduleName: name, loraA: update.loraA, loraB: b, scaling: update.scaling,
      relation: update.relation)
  }
}
