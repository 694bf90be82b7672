import Checkpoints
import Tensors

/// Feed-forward layers, and those of which a token goes through a few.
extension ReferencePass {
  /// The block's layer, or Σ w_i·f_i over a token's experts plus σ(s·x) times the shared one (``Block/Experts``).
  func feedForward(_ block: Block, _ layer: Int, _ x: Term) -> Term {
    func dense() -> Term {
      switch block.feedForward.packing {
      case .gated: gated(block.feedForward, layer, x, .gate, .up, .down)
      case .fused: fused(block.feedForward, layer, x)
      case .plain:
        linear(.down, layer, linear(.up, layer, x).activated(block.feedForward.activation))
      }
    }
    guard let experts = block.experts else { return dense() }
    var y = routed(experts, layer, x)
    if let gate = name(.sharedGate, layer: layer) {
      let weight = x.times(parameter(gate + ".weight").transposed).sigmoid
      y = y + weight.repeated(columns: x.value.columns) * dense()
    }
    return y
  }

  /// down(act(gate(x)) ∘ up(x)).
  private func gated(
    _ shape: Block.FeedForward, _ layer: Int, _ x: Term, _ gate: LinearKind, _ up: LinearKind,
    _ down: LinearKind
  ) -> Term {
    linear(
      down, layer, linear(gate, layer, x).activated(shape.activation) * linear(up, layer, x))
  }

  /// The same with the rows of the gate before those of up in one module.
  private func fused(_ shape: Block.FeedForward, _ layer: Int, _ x: Term) -> Term {
    let y = linear(.gateUp, layer, x)
    let gate = y.columns(0..<shape.size).activated(shape.activation)
    return linear(.down, layer, gate * y.columns(shape.size..<2 * shape.size))
  }

  /// Σ w_i·f_i(x) over the experts that each token goes to: Shazeer et al., arXiv 1701.06538, with the softmax before the choice.
  private func routed(_ experts: Block.Experts, _ layer: Int, _ x: Term) -> Term {
    let router = parameter((names.module(.router, layer: layer) ?? "") + ".weight")
    let shares = x.times(router.transposed).softmax()
    let chosen = (0..<x.value.rows).map { token in
      Set(
        (0..<experts.count).sorted {
          let (a, b) = (shares.value[token, $0], shares.value[token, $1])
          return a == b ? $0 < $1 : a > b
        }.prefix(experts.used))
    }
    var weights =
      shares
      * Term.constant(rows: x.value.rows, columns: experts.count) {
        chosen[$0].contains($1) ? 1 : 0
      }
    if experts.normalizes {
      weights = weights * weights.rowSums.inverse.repeated(columns: experts.count)
    }
    var sum = x.scaled(by: 0)
    for expert in 0..<experts.count {
      let tokens = chosen.indices.filter { chosen[$0].contains(expert) }
      let y = gated(
        experts.feedForward, layer, x.rows(tokens), .expert(expert, .gate), .expert(expert, .up),
        .expert(expert, .down))
      let weight = weights.rows(tokens).columns(expert..<expert + 1)
      sum =
        sum + (weight.repeated(columns: x.value.columns) * y).placed(at: tokens, of: x.value.rows)
    }
    return sum
  }
}
