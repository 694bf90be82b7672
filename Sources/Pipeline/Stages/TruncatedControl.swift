import Adapters
import Checkpoints
import Faults
import Models
import Projection
import Tensors

/// A control ready to be measured.
struct ControlVariant {
  let name: String
  let bytes: Int
  let pool: DecoderPool
}

/// The LoRA itself cut by SVD and quantised: what the same bytes buy without any basis.
///
/// Bytes are counted as the codes plus one F16 scale per factor vector, with no header: the control is given
/// the benefit. At equal bytes, modules are kept whole in the order of energy per byte, the others dropped.
struct TruncatedControl {
  let matched: MatchedAdapter
  let session: BaseSession

  /// Rank 1 in INT8 at its own size, and the best of INT2, INT4, INT8 within `bytes`.
  func variants(bytes: Int) throws(Fault) -> [ControlVariant] {
    let cut = try matched.updates.map { (update) throws(Fault) in
      try Projection.truncated(update, rank: 1)
    }
    var best: (error: Double, bits: Int, updates: [LowRankUpdate], bytes: Int)?
    for bits in [2, 4, 8] {
      let kept = within(bytes, cut, bits: bits)
      let error = zip(matched.updates, kept.updates).reduce(0.0) {
        $0 + max(0, $1.0.squaredNorm - $1.1.squaredNorm)
      }
      if best.map({ error < $0.error }) ?? true {
        best = (error, bits, kept.updates, kept.bytes)
      }
    }
    let whole = cut.map { TruncatedControl.quantized($0, bits: 8) }
    var variants = [
      try variant(
        "LoRA cut to rank 1, INT8", whole, bytes: cut.reduce(0) { $0 + size($1, bits: 8) })
    ]
    if let best {
      variants.append(
        try variant(
          "LoRA cut to rank 1, INT\(best.bits), same bytes", best.updates, bytes: best.bytes))
    }
    return variants
  }

  private func variant(
    _ name: String, _ updates: [LowRankUpdate], bytes: Int
  ) throws(Fault) -> ControlVariant {
    ControlVariant(
      name: name, bytes: bytes,
      pool: DecoderPool(
        weights: try session.weights(),
        updates: MatchedAdapter.decoderUpdates(
          updates, modules: matched.modules,
          layerCount: session.base.configuration.layerCount), threads: session.threads))
  }

  private func size(_ update: LowRankUpdate, bits: Int) -> Int {
    ((update.inFeatures + update.outFeatures) * bits + 7) / 8 + 4
  }

  /// The modules of most energy per byte that fit; the rest become zero.
  private func within(
    _ budget: Int, _ updates: [LowRankUpdate], bits: Int
  ) -> (updates: [LowRankUpdate], bytes: Int) {
    let order = updates.indices.sorted {
      updates[$0].squaredNorm / Double(size(updates[$0], bits: bits))
        > updates[$1].squaredNorm / Double(size(updates[$1], bits: bits))
    }
    var result = updates.map {
      LowRankUpdate(
        moduleName: $0.moduleName, loraA: Matrix(rows: 1, columns: $0.inFeatures),
        loraB: Matrix(rows: $0.outFeatures, columns: 1), scaling: 1)
    }
    var used = 0
    for index in order where used + size(updates[index], bits: bits) <= budget {
      used += size(updates[index], bits: bits)
      result[index] = TruncatedControl.quantized(updates[index], bits: bits)
    }
    return (result, used)
  }

  private static func quantized(_ update: LowRankUpdate, bits: Int) -> LowRankUpdate {
    LowRankUpdate(
      moduleName: update.moduleName,
      loraA: Matrix(
        rows: 1, columns: update.inFeatures, elements: rounded(update.loraA.elements, bits: bits)),
      loraB: Matrix(
        rows: update.outFeatures, columns: 1, elements: rounded(update.loraB.elements, bits: bits)),
      scaling: update.scaling)
  }

  /// Symmetric rounding with the best of 64 scales by squared error; codes `±1, ±3` halves for two bits so
  /// that no level is wasted.
  private static func rounded(_ values: [Float], bits: Int) -> [Float] {
    let largest = values.reduce(Float(0)) { max($0, abs($1)) }
    guard largest > 0 else { return values }
    let levels = Float(1 << (bits - 1))
    var best = (error: Float.infinity, values: values)
    for candidate in 1...64 {
      let scale = largest * Float(candidate) / 64 / (levels - 0.5)
      let rounded = values.map { value in
        let code = (value / scale - 0.5).rounded().clamped(to: -levels...levels - 1) + 0.5
        return code * scale
      }
      let error = zip(values, rounded).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      if error < best.error { best = (error, rounded) }
    }
    return best.values
  }
}

extension Float {
  fileprivate func clamped(to range: ClosedRange<Float>) -> Float {
    Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
  }
}
