import Checkpoints
import Tensors

/// What enters the first block.
extension ReferencePass {
  /// `[L, d]`.
  func embedded(_ input: ReferenceModel.Input) -> Term {
    switch input {
    case .tokens(let tokens, let types): return embedded(tokens, types)
    case .patches(let patches): return embedded(patches: Term(patches))
    }
  }

  /// The scaled embedding of each token, plus those of its position and of its kind of text, behind a norm: each where the model has it.
  private func embedded(_ tokens: [Int32], _ types: [Int32]) -> Term {
    var x = parameter(configuration.embeddingName).rows(tokens.map { Int($0) })
      .scaled(by: configuration.embeddingScale)
    if let positions = name(.positions) {
      x = x + parameter(positions + ".weight").rows(positionRows(tokens))
    }
    if let kinds = name(.tokenTypes) {
      let rows = types.isEmpty ? tokens.map { _ in 0 } : types.map { Int($0) }
      x = x + parameter(kinds + ".weight").rows(rows)
    }
    return name(.embeddingNorm).map { normed(x, $0, configuration.finalNorm) } ?? x
  }

  /// RoBERTa's: padding, token p, has row p, and other tokens are counted from row p + 1 on; elsewhere from row 0 on.
  private func positionRows(_ tokens: [Int32]) -> [Int] {
    let first = configuration.positionOffset
    guard first > 0 else { return Array(tokens.indices) }
    var row = first - 1
    return tokens.map { token in
      if Int(token) == first - 1 { return first - 1 }
      row += 1
      return row
    }
  }

  /// (c; E·patch + e) + p: Dosovitskiy et al., arXiv 2010.11929, equation 1.
  private func embedded(patches: Term) -> Term {
    let states = linear(names.module(.patches) ?? "", patches)
    return Term.stacked([parameter(names.module(.classToken) ?? ""), states])
      + parameter(names.module(.patchPositions) ?? "")
  }
}
