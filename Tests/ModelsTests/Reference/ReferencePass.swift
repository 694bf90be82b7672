import Checkpoints
import Tensors

/// One computation with a ``ReferenceModel``; what it returns knows the gradients of the updates' factors.
final class ReferencePass {
  let model: ReferenceModel
  /// O, M and I of every update.
  let factors: [String: (output: Term, core: Term, input: Term)]
  /// What modules were given for tokens and what they gave, sequence after sequence.
  private(set) var calls: [String: [(input: Term, output: Term)]] = [:]

  var configuration: DecoderConfiguration { model.configuration }
  var names: TensorNames { model.configuration.names }

  init(_ model: ReferenceModel) {
    self.model = model
    factors = model.updates.mapValues {
      (Term(variable: $0.output), Term(variable: $0.core), Term(variable: $0.input))
    }
  }

  // MARK: - Parameters

  /// A parameter by its name.
  func parameter(_ name: String) -> Term {
    guard let matrix = model.weights[name] else { preconditionFailure("no \(name)") }
    return Term(matrix)
  }

  /// The name of what has a role, where the model has such a thing.
  func name(_ role: TensorRole, layer: Int? = nil) -> String? {
    names.module(role, layer: layer).flatMap { name in
      model.weights[name + ".weight"] == nil && model.weights[name] == nil ? nil : name
    }
  }

  /// y = x·Wᵀ + b + x·I·Mᵀ·Oᵀ.
  ///
  /// - Parameter ofTokens: False for what is no state of a token.
  func linear(_ name: String, _ x: Term, ofTokens: Bool = true) -> Term {
    var y = x.times(parameter(name + ".weight").transposed)
    if let bias = model.weights[name + ".bias"] {
      y = y + Term(bias).repeated(rows: x.value.rows)
    }
    if let factor = factors[name] {
      y = y + x.times(factor.input).times(factor.core.transposed).times(factor.output.transposed)
    }
    if ofTokens { calls[name, default: []].append((x, y)) }
    return y
  }

  /// A linear module of a block.
  func linear(_ kind: LinearKind, _ layer: Int, _ x: Term, ofTokens: Bool = true) -> Term {
    linear(names.module(.linear(kind), layer: layer) ?? "", x, ofTokens: ofTokens)
  }

  /// The norm of this name.
  func normed(_ x: Term, _ name: String, _ norm: Norm) -> Term {
    x.normed(
      norm, weight: parameter(name + ".weight"),
      bias: norm.hasBias ? parameter(name + ".bias") : nil)
  }

  // MARK: - The model

  /// States behind the last block, and behind its norm where the model has one, `[L, d]`.
  func states(_ input: ReferenceModel.Input) -> Term {
    var x = embedded(input)
    let distances = distanceEmbeddings()
    for layer in 0..<configuration.layerCount { x = block(layer, x, distances: distances) }
    return name(.finalNorm).map { normed(x, $0, configuration.finalNorm) } ?? x
  }

  /// Embeddings of distances behind their norm, `[2·span, d]`, where the model has them.
  private func distanceEmbeddings() -> Term? {
    guard let table = name(.relativePositions), let norm = name(.relativeNorm) else { return nil }
    return normed(parameter(table + ".weight"), norm, configuration.finalNorm)
  }

  /// The formulas of ``Block``.
  private func block(_ layer: Int, _ x: Term, distances: Term?) -> Term {
    let block = configuration.block(layer)
    func n(_ role: TensorRole, _ x: Term) -> Term {
      normed(x, names.module(role, layer: layer) ?? "", block.norm(role))
    }
    func a(_ x: Term) -> Term {
      attention(block.attention, layer, x, distances: distances) { n($0, $1) }
    }
    func f(_ x: Term) -> Term { feedForward(block, layer, x) }
    func r(_ x: Term) -> Term { x.scaled(by: block.residualScale) }
    switch block.placement {
    case .pre:
      let h = x + r(a(n(.attentionNorm, x)))
      return h + r(f(n(.feedForwardNorm, h)))
    case .post:
      let h = x + r(n(.attentionPostNorm, a(x)))
      return h + r(n(.feedForwardPostNorm, f(h)))
    case .postSum:
      let h = n(.attentionPostNorm, x + a(x))
      return n(.feedForwardPostNorm, h + f(h))
    case .sandwich:
      let h = x + r(n(.attentionPostNorm, a(n(.attentionNorm, x))))
      return h + r(n(.feedForwardPostNorm, f(n(.feedForwardNorm, h))))
    case .parallel(let sharedNorm):
      let second: TensorRole = sharedNorm ? .attentionNorm : .feedForwardNorm
      return x + r(a(n(.attentionNorm, x))) + r(f(n(second, x)))
    }
  }

  // MARK: - Heads

  /// Logits of tokens or classes, or the number of a head for one, of the states at `positions`.
  func logits(_ input: ReferenceModel.Input, at positions: [Int]) -> Term {
    var x = states(input).rows(positions)
    if let head = configuration.classHead {
      if head.form.dense != nil, let dense = name(.pooler) {
        x = linear(dense, x)
        x = head.form.function == .tanh ? x.hyperbolicTangent : x.gelu
      }
      return linear(names.module(.classes) ?? "", x)
    }
    let isTied = configuration.hasTiedEmbeddings
    let head = names.module(isTied ? .embedding : .head) ?? ""
    return linear(head, x).scaled(by: 1 / configuration.logitDivisor).capped(configuration.logitCap)
  }

  /// Mean −ln p(target) over the completion tokens of examples (prompt, completion).
  func loss(_ examples: [(prompt: [Int32], completion: [Int32])]) -> Term {
    let parts = examples.map { example in
      let (first, count) = (example.prompt.count - 1, example.completion.count)
      return logits(
        .tokens(example.prompt + example.completion.dropLast()),
        at: Array(first..<first + count)
      ).crossEntropy(example.completion)
    }
    let count = examples.reduce(0) { $0 + $1.completion.count }
    return Term.stacked(parts).total.scaled(by: 1 / Double(count))
  }
}
