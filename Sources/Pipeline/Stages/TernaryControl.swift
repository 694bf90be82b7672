import Adapters
import Checkpoints
import Evaluation
import Faults
import LinearAlgebra
import Models
import Projection

/// The LoRA as sparse signs: what ComPEFT makes of the same bytes.
///
/// Bytes are counted as the coded positions and signs plus one F16 scale a factor, with no header: the control is
/// given the benefit. The signs are of the factors as shipped or of those balanced by SVD, whichever come nearer to
/// ΔW; where there are validation examples they choose how far to enlarge the least-squares scales.
struct TernaryControl {
  let matched: MatchedAdapter
  let session: BaseSession
  let validation: [TokenizedExample]

  /// Multiples of the least-squares scale that are tried.
  private static let multiples = [1.0, 1.5, 2, 3, 5]

  /// The densest cut whose bytes fit `bytes`.
  func variant(bytes: Int) throws(Fault) -> ControlVariant {
    var best: (error: Double, cut: Cut)?
    for source in [matched.updates, try balanced()] {
      let cut = within(bytes, source)
      let error = zip(matched.updates, cut.updates).reduce(0.0) {
        $0 + $1.0.squaredNorm - $1.1.squaredNorm
      }
      if best.map({ error < $0.error }) ?? true { best = (error, cut) }
    }
    guard let cut = best?.cut else { throw Fault(.internalError, "CTRL-CUT", "no cut was made") }
    let multiple = try bestMultiple(cut.updates)
    let density = (cut.density * 10_000).rounded() / 100
    let scale = multiple == 1 ? "" : ", scales times \(multiple)"
    return ControlVariant(
      name: "LoRA as sparse signs, density \(density)%\(scale), same bytes", bytes: cut.bytes,
      pool: try pool(cut.updates, multiple))
  }

  /// The factors `U√Σ` and `√ΣVᵀ` of every update.
  private func balanced() throws(Fault) -> [LowRankUpdate] {
    try parallelMap(matched.updates.count, threads: session.threads) {
      [updates = matched.updates] (index) throws(Fault) in
      try Projection.truncated(updates[index], rank: updates[index].rank)
    }
  }

  private struct Cut {
    var density = 0.0
    var bytes = 0
    var updates: [LowRankUpdate] = []
  }

  private func within(_ budget: Int, _ updates: [LowRankUpdate]) -> Cut {
    let modules = updates.map { SparseTernary($0) }
    func cut(_ density: Double) -> Cut {
      let cuts = modules.map { $0.cut(density: density) }
      // Two factors, a scale of two bytes each.
      let bytes = cuts.reduce(0) { $0 + ($1.bits + 7) / 8 + 4 }
      return Cut(density: density, bytes: bytes, updates: cuts.map(\.update))
    }
    var (low, high) = (cut(0), 1.0)
    for _ in 0..<12 {
      let middle = cut((low.density + high) / 2)
      if middle.bytes <= budget { low = middle } else { high = middle.density }
    }
    return low
  }

  private func bestMultiple(_ updates: [LowRankUpdate]) throws(Fault) -> Double {
    guard !validation.isEmpty else { return 1 }
    let evaluator = Evaluator(plan: EvaluationPlan(examples: validation))
    var best = (multiple: 1.0, loss: Double.infinity)
    for multiple in Self.multiples {
      let loss = try evaluator.evaluate(try pool(updates, multiple)).scores.negativeLogLikelihood
      if loss < best.loss { best = (multiple, loss) }
    }
    return best.multiple
  }

  private func pool(
    _ updates: [LowRankUpdate], _ multiple: Double
  ) throws(Fault) -> DecoderPool {
    DecoderPool(
      weights: try session.weights(),
      updates: MatchedAdapter.decoderUpdates(
        updates.map { SparseTernary.scaled($0, by: multiple) }, modules: matched.modules,
        layerCount: session.base.configuration.layerCount), threads: session.threads)
  }
}
