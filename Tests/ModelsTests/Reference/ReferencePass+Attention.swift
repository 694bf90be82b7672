import Checkpoints
import Tensors

/// Attention by its papers: Vaswani et al., arXiv 1706.03762; with distances He et al., arXiv 2006.03654.
extension ReferencePass {
  /// Queries, keys and values, head after head, `[L, head dimension]` each.
  private typealias Heads = (queries: [Term], keys: [Term], values: [Term])

  /// softmax(cap(α·Q·Kᵀ))·V of each head, its key-value head that of its group, then the output module.
  func attention(
    _ shape: Block.Attention, _ layer: Int, _ x: Term, distances: Term?,
    norm: (TensorRole, Term) -> Term
  ) -> Term {
    var heads = heads(shape, layer, x)
    heads.queries = normed(heads.queries, .queryNorm, shape, layer)
    heads.keys = normed(heads.keys, .keyNorm, shape, layer)
    if let rotary = shape.rotary.map({ ReferenceRotary($0) }) {
      heads.queries = heads.queries.map(rotary.turned)
      heads.keys = heads.keys.map(rotary.turned)
    }
    let far = distances.map { self.heads(shape, layer, $0, ofTokens: false) }
    let mask = mask(shape, x.value.rows)
    let group = shape.headCount / shape.keyValueHeadCount
    let outputs = (0..<shape.headCount).map { head in
      let (query, key) = (heads.queries[head], heads.keys[head / group])
      var scores = query.times(key.transposed)
      if let far, let relative = shape.relative {
        scores =
          scores
          + byDistance(query, key, far.queries[head], far.keys[head / group], relative)
      }
      return scores.scaled(by: scale(shape)).capped(shape.cap).softmax(mask: mask)
        .times(heads.values[head / group])
    }
    return linear(.output, layer, Term.beside(outputs))
  }

  /// The factor of scores; where blocks have 1/√D as the kernels do, rounded to Float32, the number itself.
  private func scale(_ shape: Block.Attention) -> Double {
    let rounded = Double(1 / Float(shape.headDimension).squareRoot())
    return shape.scale == rounded ? 1 / Double(shape.headDimension).squareRoot() : shape.scale
  }

  /// The rows of ``Block/Attention/Packing``.
  private func heads(
    _ shape: Block.Attention, _ layer: Int, _ x: Term, ofTokens: Bool = true
  ) -> Heads {
    let (heads, pairs, size) = (shape.headCount, shape.keyValueHeadCount, shape.headDimension)
    func cut(_ y: Term, from first: Int, count: Int) -> [Term] {
      (0..<count).map { y.columns(first + $0 * size..<first + ($0 + 1) * size) }
    }
    func product(_ kind: LinearKind) -> Term { linear(kind, layer, x, ofTokens: ofTokens) }
    switch shape.packing {
    case .separate:
      return (
        cut(product(.query), from: 0, count: heads), cut(product(.key), from: 0, count: pairs),
        cut(product(.value), from: 0, count: pairs)
      )
    case .stacked:
      let y = product(.queryKeyValue)
      return (
        cut(y, from: 0, count: heads), cut(y, from: heads * size, count: pairs),
        cut(y, from: (heads + pairs) * size, count: pairs)
      )
    case .byGroup:
      let y = product(.queryKeyValue)
      let group = heads / pairs
      let all = (0..<pairs).map { pair in
        cut(y, from: pair * (group + 2) * size, count: group + 2)
      }
      return (all.flatMap { $0.prefix(group) }, all.map { $0[group] }, all.map { $0[group + 1] })
    }
  }

  /// Queries or keys behind their norm, as far as ``Block/Attention/HeadNorm`` says each spans.
  private func normed(
    _ heads: [Term], _ role: TensorRole, _ shape: Block.Attention, _ layer: Int
  ) -> [Term] {
    let norm = configuration.block(layer).norm(role)
    let names = names.modules(role, layer: layer, heads: heads.count)
    switch shape.headNorm {
    case nil: return heads
    case .head: return heads.map { normed($0, names[0], norm) }
    case .eachHead: return zip(heads, names).map { normed($0, $1, norm) }
    case .projection:
      let whole = normed(Term.beside(heads), names[0], norm)
      let size = shape.headDimension
      return heads.indices.map { whole.columns($0 * size..<($0 + 1) * size) }
    }
  }

  /// 1 where token i sees token j.
  private func mask(_ shape: Block.Attention, _ length: Int) -> Term {
    Term.constant(rows: length, columns: length) { i, j in
      let isAhead = j > i && shape.mask == .causal
      return isAhead || i - j >= shape.window ?? .max ? 0 : 1
    }
  }

  /// Q_i·K'_t + K_j·Q'_t with t the row of distance i − j.
  private func byDistance(
    _ query: Term, _ key: Term, _ farQuery: Term, _ farKey: Term, _ relative: RelativePositions
  ) -> Term {
    let length = query.value.rows
    let ofQueries = query.times(farKey.transposed).picking(columns: length) { i, j in
      relative.row(of: i - j)
    }
    let ofKeys = key.times(farQuery.transposed).picking(columns: length) { j, i in
      relative.row(of: i - j)
    }
    return ofQueries + ofKeys.transposed
  }
}
