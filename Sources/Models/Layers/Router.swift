import Checkpoints
import Foundation

/// Which experts each token goes to: from scores z `[N, E]` the `k` largest of p = softmax(z), of equal ones that with the lower
/// number, with weights w_i = p_i, or p_i / Σ p over the chosen; behind them the score of the shared expert, with weight σ(z).
struct Router {
  private let experts: Block.Experts
  /// Scores of a token: one more than experts where there is a shared one.
  let stride: Int

  init(_ block: Block, _ experts: Block.Experts) {
    self.experts = experts
    stride = block.routeCount
  }

  private var hasShared: Bool { stride > experts.count }

  /// Turns scores `[N, stride]` into weights: those of experts are not yet divided, chosen or not.
  func forward(_ scores: UnsafeMutablePointer<Float>, tokens: Int) {
    for token in 0..<tokens {
      let row = scores + token * stride
      softmax(row, count: experts.count)
      if hasShared { row[experts.count] = 1 / (1 + exp(-row[experts.count])) }
    }
  }

  /// The tokens of every expert in their order, from what ``forward(_:tokens:)`` gave.
  func routes(_ weights: UnsafePointer<Float>, tokens: Int) -> Routes {
    var chosen: [[(token: Int, weight: Float)]] = Array(repeating: [], count: experts.count)
    for token in 0..<tokens {
      let row = weights + token * stride
      let best = self.best(row)
      let sum = experts.normalizes ? best.reduce(0) { $0 + row[$1] } : 1
      for expert in best { chosen[expert].append((token, row[expert] / sum)) }
    }
    return Routes(chosen)
  }

  private func best(_ row: UnsafePointer<Float>) -> [Int] {
    var best: [Int] = []
    for expert in 0..<experts.count {
      var place = best.count
      while place > 0, row[expert] > row[best[place - 1]] { place -= 1 }
      guard place < experts.used else { continue }
      best.insert(expert, at: place)
      if best.count > experts.used { best.removeLast() }
    }
    return best
  }

  /// Turns q_i = w_i · ∂L/∂w_i of the chosen experts, with zeros for others, into ∂L/∂z, `[N, stride]` both.
  ///
  /// With Q = Σ q: ∂L/∂z_i = q_i − p_i·Q; where weights are divided by their sum they are the softmax of the chosen scores alone,
  /// and p_i is w_i, which others have none of. For the shared one q·(1 − σ).
  func backward(
    _ weights: UnsafePointer<Float>, _ routes: Routes, _ gradient: UnsafeMutablePointer<Float>,
    tokens: Int
  ) {
    var sums = [Float](repeating: 0, count: tokens)
    for token in 0..<tokens {
      let (row, q) = (weights + token * stride, gradient + token * stride)
      sums[token] = (0..<experts.count).reduce(0) { $0 + q[$1] }
      if hasShared { q[experts.count] *= 1 - row[experts.count] }
      guard !experts.normalizes else { continue }
      for expert in 0..<experts.count { q[expert] -= row[expert] * sums[token] }
    }
    guard experts.normalizes else { return }
    for expert in 0..<experts.count {
      for row in routes.rows(of: expert) {
        let token = routes.tokens[row]
        gradient[token * stride + expert] -= routes.weights[row] * sums[token]
      }
    }
  }
}

/// The tokens that go to each expert, expert after expert.
struct Routes {
  /// `[N·k]`.
  let tokens: [Int]
  /// What the expert's output is multiplied by `[N·k]`.
  let weights: [Float]
  private let starts: [Int]

  fileprivate init(_ chosen: [[(token: Int, weight: Float)]]) {
    let rows = chosen.flatMap(\.self)
    tokens = rows.map(\.token)
    weights = rows.map(\.weight)
    starts = chosen.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
  }

  /// The rows of an expert.
  func rows(of expert: Int) -> Range<Int> { starts[expert]..<starts[expert + 1] }
}
