import Adapters
import Checkpoints
import Faults
import LinearAlgebra
import Models
import Tensors

/// Exports of what an artifact changes beside its updates.
extension Exporter {
  /// Refuses a target that has no place for such changes.
  ///
  /// - Throws: 69 `AD-EXPORT` naming the first.
  func requireNothingCarried(_ loaded: LoadedArtifact, path: String) throws(Fault) {
    guard let part = loaded.parts.first else { return }
    throw Fault(
      .unsupported, "AD-EXPORT",
      "\(options.target.rawValue) has no place for this change; export to peft, merged or merged-gguf",
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
        guard updated.contains(part.module), factors.allSatisfy({ $0 != 0 }) else {
          throw refuse("rows are scaled without an update")
        }
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
        if isTied, part.parameter == LlamaNames.head { continue }
        extras.tokens.append(
          (
            part.module, rows,
            Matrix(rows: rows.count, columns: values.count / rows.count, elements: values)
          ))
      case .product(let update):
        if part.parameter == LlamaNames.embedding {
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
