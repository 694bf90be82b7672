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
/// the benefit. At equal bytes, pairs of singular vectors are kept in the order of energy per byte, whatever their
/// module.
struct TruncatedControl {
  let matched: MatchedAdapter
  let session: BaseSession

  /// Pairs of a module that are considered; more would be worth less than their bytes at any budget of interest.
  private static let rankLimit = 8

  /// What is kept of every module, from the strongest pair on.
  private struct Cut {
    var ranks: [Int]
    var bits: Int
    var bytes: Int
  }

  /// Rank 1 in INT8 at its own size, and the best of INT2, INT4, INT8 within `bytes`.
  func variants(bytes: Int) throws(Fault) -> [ControlVariant] {
    let pairs = try matched.updates.map { (update) throws(Fault) in
      try Projection.truncated(
        update, rank: min(TruncatedControl.rankLimit, update.loraA.rows))
    }
    let whole = Cut(
      ranks: pairs.map { min(1, $0.loraA.rows) }, bits: 8,
      bytes: pairs.reduce(0) { $0 + size($1, bits: 8) })
    var variants = [try variant("LoRA cut to rank 1, INT8", whole, pairs)]
    var best: (error: Double, cut: Cut)?
    for bits in [2, 4, 8] {
      let cut = within(bytes, pairs, bits: bits)
      let error = zip(matched.updates, quantized(cut, pairs)).reduce(0.0) {
        $0 + max(0, $1.0.squaredNorm - $1.1.squaredNorm)
      }
      if best.map({ error < $0.error }) ?? true { best = (error, cut) }
    }
    if let cut = best?.cut, cut.bits != whole.bits || cut.ranks != whole.ranks {
      let largest = cut.ranks.max() ?? 0
      variants.append(
        try variant("LoRA cut to rank \(largest), INT\(cut.bits), same bytes", cut, pairs))
    }
    return variants
  }

  private func variant(
    _ name: String, _ cut: Cut, _ pairs: [LowRankUpdate]
  ) throws(Fault) -> ControlVariant {
    ControlVariant(
      name: name, bytes: cut.bytes,
      pool: DecoderPool(
        weights: try session.weights(),
        updates: MatchedAdapter.decoderUpdates(
          quantized(cut, pairs), modules: matched.modules,
          layerCount: session.base.configuration.layerCount), threads: session.threads))
  }

  /// Bytes of one pair of a module.
  private func size(_ update: LowRankUpdate, bits: Int) -> Int {
    ((update.inFeatures + update.outFeatures) * bits + 7) / 8 + 4
  }

  /// The pairs of most energy per byte that fit.
  private func within(_ budget: Int, _ pairs: [LowRankUpdate], bits: Int) -> Cut {
    let sizes = pairs.map { size($0, bits: bits) }
    let ranks = Projection.pairCounts(
      worth: pairs.map { update in
        (0..<update.loraA.rows).map { TruncatedControl.pair($0, of: update).squaredNorm }
      }, cost: sizes, budget: budget)
    return Cut(ranks: ranks, bits: bits, bytes: zip(ranks, sizes).reduce(0) { $0 + $1.0 * $1.1 })
  }

  /// One pair of singular vectors, `[1, in]` and `[out, 1]`.
  private static func pair(_ index: Int, of update: LowRankUpdate) -> LowRankUpdate {
    LowRankUpdate(
      moduleName: update.moduleName, loraA: update.loraA.selectingRows([index]),
      loraB: update.loraB.selectingColumns([index]), scaling: update.scaling)
  }

  /// The kept pairs of every module, each vector rounded with a scale of its own; zero where none is kept.
  private func quantized(_ cut: Cut, _ pairs: [LowRankUpdate]) -> [LowRankUpdate] {
    zip(pairs, cut.ranks).map { update, rank in
      var a = Matrix<Float>(rows: max(rank, 1), columns: update.inFeatures)
      var b = Matrix<Float>(rows: max(rank, 1), columns: update.outFeatures)
      for index in 0..<rank {
        let pair = TruncatedControl.pair(index, of: update)
        let (first, second) = (index * a.columns, index * b.columns)
        a.elements.replaceSubrange(
          first..<first + a.columns,
          with: TruncatedControl.rounded(pair.loraA.elements, bits: cut.bits))
        b.elements.replaceSubrange(
          second..<second + b.columns,
          with: TruncatedControl.rounded(pair.loraB.elements, bits: cut.bits))
      }
      return LowRankUpdate(
        moduleName: update.moduleName, loraA: a, loraB: b.transposed, scaling: update.scaling)
    }
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
