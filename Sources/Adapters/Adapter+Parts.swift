import Checkpoints
import Faults
import JSON

/// Matching of changes that are no updates of linear modules (`formats/adapters.md` §9).
extension Adapter {
  /// The update of a linear module outside the blocks, the output head, as a change of its weight; nil where the
  /// base has no such parameter.
  ///
  /// - Throws: 69 `AD-TENSOR` for an update that is more than a product.
  func outside(
    _ update: LowRankUpdate, _ parameters: [Parameter], _ names: TensorNames
  ) throws(Fault) -> AdapterPart? {
    let isKnown = parameters.contains { parameter in
      let (module, leaf) = Adapter.split(parameter.name)
      return leaf == "weight" && parameter.shape.count == 2
        && spellings(of: module, names).contains { UTF8Key.equalBytes($0, update.moduleName) }
    }
    guard isKnown else { return nil }
    guard update.relation == .none else {
      throw Fault(
        .unsupported, "AD-TENSOR",
        "is no linear module of a block; there only plain LoRA is read, merge the adapter into the base",
        tensor: update.moduleName)
    }
    return AdapterPart(
      module: update.moduleName, leaf: "weight", shape: [update.outFeatures, update.inFeatures],
      change: .product(update))
  }

  /// The parts under the names of the base's parameters, in the base's order and the order of application; behind them
  /// heads of a task, which the base lacks.
  func matched(
    _ parts: [AdapterPart], to parameters: [Parameter], headIsTied: Bool, names: TensorNames
  ) throws(Fault) -> [AdapterPart] {
    var table: [UTF8Key: [Int]] = [:]
    for (index, parameter) in parameters.enumerated() {
      let (module, leaf) = Adapter.split(parameter.name)
      for spelling in spellings(of: module, names) {
        table[UTF8Key("\(spelling).\(leaf)"), default: []].append(index)
      }
    }
    // What the configuration has saved and the file has not is missing only where the model has it.
    let components = Set(parameters.flatMap { $0.name.split(separator: ".").map(String.init) })
    if let name = missingModules.first(where: { module in
      module.split(separator: ".").allSatisfy { components.contains(String($0)) }
    }) {
      throw Fault(
        .badData, "AD-PAIR",
        "modules_to_save names \(Fault.escaped(name, limit: 64)), of which the file has no tensor")
    }
    if !headIsTied, let name = tiedTokens.first {
      throw Fault(
        .badData, "AD-PAIR",
        "trainable_token_indices names \(Fault.escaped(name, limit: 64)), of which the file has no rows"
      )
    }
    var result: [(index: Int, part: AdapterPart)] = []
    for part in parts {
      let places = table[UTF8Key(part.parameter)] ?? []
      if places.isEmpty, part.isTaskHead {
        result.append((parameters.count, part))
        continue
      }
      guard places.count == 1 else { throw Adapter.unmatched(part, parameters) }
      let index = places[0]
      let parameter = parameters[index]
      try Adapter.checkShape(of: part, parameter.shape)
      let moved = part.moved(to: Adapter.split(parameter.name).module, shape: parameter.shape)
      result.append((index, moved))
      // Trained rows of tied embeddings are rows of the head; other changes are only where PEFT is told so.
      if headIsTied, parameter.name == names.parameter(.embedding), tiesHead || moved.isRows,
        let head = parameters.firstIndex(where: { $0.name == names.parameter(.head) }),
        !parts.contains(where: { $0.module.hasSuffix(names.module(.head) ?? "lm_head") })
      {
        result.append(
          (
            head,
            moved.moved(to: Adapter.split(names.parameter(.head)).module, shape: parameter.shape)
          ))
      }
    }
    return result.sorted {
      ($0.index, $0.part.stage, $0.part.parameter) < ($1.index, $1.part.stage, $1.part.parameter)
    }.map(\.part)
  }

  private static func split(_ name: String) -> (module: String, leaf: String) {
    guard let dot = name.lastIndex(of: ".") else { return ("", name) }
    return (String(name[..<dot]), String(name[name.index(after: dot)...]))
  }

  private static func checkShape(of part: AdapterPart, _ shape: [Int]) throws(Fault) {
    let fits: Bool
    if case .rows(let rows, _) = part.change {
      fits = shape.count == 2 && shape[1] == part.shape[1] && (rows.last ?? 0) < shape[0]
    } else {
      fits = part.slice == nil && part.shape == shape
    }
    guard fits else {
      throw Fault(
        .badData, "AD-BASE",
        "adapter made for another base: change of \(part.shape), parameter \(shape)",
        tensor: part.parameter)
    }
  }

  /// Says what a part is that the base has no place for.
  private static func unmatched(_ part: AdapterPart, _ parameters: [Parameter]) -> Fault {
    let what: String
    if part.leaf == "bias" {
      what =
        "is a trained bias, and the modules of this base have none; train without, or make a base with "
        + "biases"
    } else if part.slice != nil {
      what = "is a stack of experts, and this base has none; merge the adapter into its own base"
    } else if part.shape.count > 2 {
      what = "is a convolution, and this base has none; merge the adapter into its own base"
    } else {
      let nearest = parameters.map(\.name).max {
        commonEnding($0, part.parameter) < commonEnding($1, part.parameter)
      }
      return Fault(
        .badData, "AD-TARGET",
        "the base has no such parameter, nearest is " + Fault.escaped(nearest ?? "none", limit: 96),
        tensor: part.parameter)
    }
    return Fault(.unsupported, "AD-TENSOR", what, tensor: part.parameter)
  }
}

extension AdapterPart {
  /// Whether this is a head of a task, saved whole.
  fileprivate var isTaskHead: Bool {
    guard case .replaced = change else { return false }
    return slice == nil && TaskHead.contains(module)
  }

  fileprivate var isRows: Bool {
    if case .rows = change { return true }
    return false
  }
}
