import Checkpoints
import Faults
import Tensors

/// Factors of stacks of experts (`formats/peft.md` §8.6) on a base whose experts have linear modules of their own.
extension Adapter {
  /// The updates of such modules that parts of a stack are, and the other parts.
  ///
  /// A slice of `gate_up_proj` is two updates with one A: rows of B are the gate's, then up's.
  ///
  /// - Throws: 65 `AD-BASE` where the base has more experts.
  func unstacked(
    _ modules: [Module], _ names: TensorNames
  ) throws(Fault) -> (updates: [LowRankUpdate], parts: [AdapterPart]) {
    var (updates, others): ([LowRankUpdate], [AdapterPart]) = ([], [])
    var counts: [String: Int] = [:]
    for part in parts {
      guard let slice = part.slice, case .product(let stacked) = part.change,
        let expert = names.expert(slice, ofStack: part.module)
      else {
        others.append(part)
        continue
      }
      counts[part.module] = max(counts[part.module] ?? 0, slice + 1)
      let size = stacked.outFeatures / 2
      var pieces: [(part: LinearKind.ExpertPart, rows: Range<Int>)] = []
      switch part.leaf {
      case "gate_up_proj": pieces = [(.gate, 0..<size), (.up, size..<2 * size)]
      case "down_proj": pieces = [(.down, 0..<stacked.outFeatures)]
      default:
        others.append(part)
        continue
      }
      for piece in pieces {
        guard let module = expert[piece.part] else { continue }
        updates.append(
          LowRankUpdate(
            moduleName: module, loraA: stacked.loraA,
            loraB: stacked.loraB.selectingRows(Array(piece.rows)), scaling: stacked.scaling))
      }
    }
    let known = Set(modules.map(\.name))
    for (stack, count) in counts {
      guard let next = names.expert(count, ofStack: stack)?[.down], known.contains(next) else {
        continue
      }
      throw Fault(
        .badData, "AD-BASE", "adapter made for another base: \(count) experts, the base has more",
        tensor: stack)
    }
    return (updates, others)
  }
}
