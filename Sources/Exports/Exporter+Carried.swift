import Adapters
import Checkpoints
import Faults
import LinearAlgebra
import Models
import Pipeline
import Sessions
import Tensors

/// Exports of what an artifact changes beside its updates.
extension Exporter {
  /// Whether the base's files have a head beside the embeddings.
  var hasHead: Bool { session.base.checkpoint.tensor(session.base.configuration.headName) != nil }

  /// The updates of a target that holds pairs of factors, with those of embeddings and head where it takes them.
  ///
  /// - Throws: 69 `AD-EXPORT` naming the first change that it has no place for.
  func pairs(_ loaded: LoadedArtifact, path: String) throws(Fault) -> [LowRankUpdate] {
    var updates = loaded.updates
    let isTied = session.base.configuration.hasTiedEmbeddings
    let untiesHead = ChangedParameters(base: session.base, changes: loaded.parts).untiesHead
    for part in loaded.parts {
      guard case .product(let update) = part.change else { throw refusal(part, loaded, path) }
      switch options.target {
      // The writer knows which heads llama.cpp finds.
      case .ggufLoRA: updates.append(update)
      // A tied head is the embeddings there, and changes with them.
      case .mlx where isTied:
        if untiesHead { throw refusal(part, loaded, path) }
        if part.parameter == session.base.configuration.embeddingName { updates.append(update) }
      case .mlx: updates.append(update)
      // Names are those of linear modules.
      case .kohya where part.parameter != session.base.configuration.embeddingName:
        updates.append(update)
      case .kohya, .loraXS, .peft, .merged, .mergedGGUF: throw refusal(part, loaded, path)
      }
    }
    return updates
  }

  /// Refuses to merge a head of a task where the result would be a language model, which has no place for it.
  func checkHeads(_ loaded: LoadedArtifact, path: String) throws(Fault) {
    guard session.changed(by: loaded.parts).configuration.classHead == nil,
      let part = loaded.parts.first(where: isNew)
    else { return }
    throw Fault(
      .unsupported, "AD-EXPORT",
      "the head of a task has no place in a merged language model; it is written by --to peft",
      path: path,
      tensor: part.parameter)
  }

  /// Whether the base has no such parameter.
  func isNew(_ part: AdapterPart) -> Bool {
    !session.base.configuration.parameters.contains { $0.name == part.parameter }
  }

  private func refusal(_ part: AdapterPart, _ loaded: LoadedArtifact, _ path: String) -> Fault {
    var others: [String] = []
    if !loaded.parts.contains(where: isNew) {
      others.append("merged")
      if session.base.format == .gguf { others.append("merged-gguf") }
    }
    do throws(Fault) {
      _ = try peft(loaded, path: path)
      others.insert("peft", at: 0)
    } catch {}
    return Fault(
      .unsupported, "AD-EXPORT",
      "\(options.target.rawValue) has no place for this change; "
        + (others.isEmpty
          ? "nor has any other" : "it is written by --to " + others.joined(separator: ", ")),
      path: path, tensor: part.parameter)
  }

  /// The updates as PEFT has them, with the rest of the artifact's changes beside them.
  ///
  /// Rows scaled by d and the update `ΔW` are DoRA with `B' = diag(d)⁻¹·B` and `m = d · ‖W + B'·A‖`.
  ///
  /// - Throws: 69 `AD-EXPORT` for a combination that PEFT does not have.
  func peft(
    _ loaded: LoadedArtifact, path: String
  ) throws(Fault) -> (updates: [LowRankUpdate], extras: PEFTExtras) {
    var extras = PEFTExtras()
    extras.taskType = loaded.taskType(on: session)
    var updatesOutside: [LowRankUpdate] = []
    var scales: [String: [Float]] = [:]
    let updated = Set(loaded.modules.map(\.name))
    let isTied = session.base.configuration.hasTiedEmbeddings
    for part in loaded.parts {
      func refuse(_ what: String) -> Fault {
        Fault(
          .unsupported, "AD-EXPORT", "\(what), which PEFT has no form for; export to merged",
          path: path, tensor: part.parameter)
      }
      switch part.change {
      case .scaledRows(let factors):
        guard updated.contains(part.module) else {
          throw refuse("rows are scaled without an update")
        }
        guard factors.allSatisfy({ $0 != 0 }) else { throw refuse("a row is scaled by 0") }
        scales[part.module] = factors
      case .replaced(let values):
        guard !updated.contains(part.module) else {
          throw refuse("a weight is replaced and updated")
        }
        extras.saved.append((part.module, part.leaf, part.shape, values))
      case .added:
        guard !updated.contains(part.module) else { throw refuse("a difference beside an update") }
        let values = try ChangedParameters(base: session.base, changes: [part]).floats(
          part.parameter)
        extras.saved.append((part.module, part.leaf, part.shape, values))
      case .rows(let rows, let values):
        // PEFT itself makes rows of tied embeddings rows of the head.
        if isTied, part.parameter == session.base.configuration.headName { continue }
        extras.tokens.append(
          (
            part.module, rows,
            Matrix(rows: rows.count, columns: values.count / rows.count, elements: values)
          ))
      case .product(let update):
        if part.parameter == session.base.configuration.embeddingName {
          extras.embeddings.append(update)
        } else {
          updatesOutside.append(update)
        }
      }
    }
    guard !scales.isEmpty else { return (loaded.updates + updatesOutside, extras) }
    guard extras.embeddings.isEmpty, updatesOutside.isEmpty else {
      throw Fault(
        .unsupported, "AD-EXPORT", "DoRA beside updates outside the blocks; export to merged",
        path: path)
    }
    var updates: [LowRankUpdate] = []
    for update in loaded.updates {
      let weight = try session.base.matrix(update.moduleName + ".weight")
      let (scaled, magnitudes) = Exporter.magnitudes(
        update, weight: weight, scales: scales[update.moduleName])
      updates.append(scaled)
      extras.magnitudes.append((update.moduleName, magnitudes))
    }
    return (updates, extras)
  }

  /// The same with the modules as the class calls them, whatever its files do: PEFT looks for them in the class.
  ///
  /// That for features alone is the model within, whose names lack their first component.
  func namedByClass(
    _ found: (updates: [LowRankUpdate], extras: PEFTExtras)
  ) -> (updates: [LowRankUpdate], extras: PEFTExtras) {
    let names = session.base.configuration.names
    let prefix = found.extras.taskType == TaskType.features ? names.prefix : ""
    func own(_ module: String) -> String {
      let name = names.classModule(of: module) ?? module
      return name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
    }
    func renamed(_ update: LowRankUpdate) -> LowRankUpdate {
      LowRankUpdate(
        moduleName: own(update.moduleName), loraA: update.loraA, loraB: update.loraB,
        scaling: update.scaling)
    }
    var extras = found.extras
    extras.magnitudes = extras.magnitudes.map { (own($0.module), $0.values) }
    if !prefix.isEmpty {
      extras.saved = extras.saved.map { (own($0.module), $0.leaf, $0.shape, $0.values) }
      extras.tokens = extras.tokens.map { (own($0.module), $0.rows, $0.values) }
      extras.embeddings = extras.embeddings.map(renamed)
    }
    return (found.updates.map(renamed), extras)
  }

  private static func magnitudes(
    _ update: LowRankUpdate, weight: Matrix<Float>, scales: [Float]?
  ) -> (update: LowRankUpdate, magnitudes: [Float]) {
    var b = update.loraB
    for row in 0..<b.rows {
      for column in 0..<b.columns {
        b[row, column] = Float(Double(b[row, column]) / Double(scales?[row] ?? 1))
      }
    }
    let product = b.inDouble.times(update.loraA.inDouble)
    let magnitudes = (0..<weight.rows).map { row in
      var sum = 0.0
      for column in 0..<weight.columns {
        let value = Double(weight[row, column]) + update.scaling * product[row, column]
        sum += value * value
      }
      return Float(sum.squareRoot() * Double(scales?[row] ?? 1))
    }
    return (
      LowRankUpdate(
        moduleName: update.moduleName, loraA: update.loraA, loraB: b, scaling: update.scaling),
      magnitudes
    )
  }
}
