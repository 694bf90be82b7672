package import Faults
package import Ranks

/// What one variant did on one example.
public struct ExampleScore: Sendable, Hashable {
  /// Greedy decoding equals the completion, or the right choice or class scored highest; false where numbers are answered.
  public var isCorrect: Bool
  /// The choice that scored highest; nil without choices.
  public var chosen: Int?
  /// The right choice scored highest per token; nil without choices.
  public var isCorrectPerToken: Bool?
  /// −ln p of the right choice among the choices, by their summed log-likelihoods; nil without choices.
  public var choiceNegativeLogLikelihood: Double?
  /// Σ −ln p over the completion's tokens.
  public var negativeLogLikelihood: Double
  /// Number of completion tokens.
  public var tokenCount: Int
  /// Σ KL(teacher ‖ variant) over the completion's positions; nil without a teacher.
  public var divergence: Double?
  /// Positions where teacher and variant predict the same token; nil without a teacher.
  public var agreements: Int?

  /// The number answered; nil where tokens or classes are.
  public var number: Double?

  /// Creates a score.
  public init(
    isCorrect: Bool, chosen: Int? = nil, isCorrectPerToken: Bool? = nil,
    choiceNegativeLogLikelihood: Double? = nil,
    negativeLogLikelihood: Double, tokenCount: Int, divergence: Double? = nil,
    agreements: Int? = nil, number: Double? = nil
  ) {
    self.isCorrect = isCorrect
    self.chosen = chosen
    self.isCorrectPerToken = isCorrectPerToken
    self.choiceNegativeLogLikelihood = choiceNegativeLogLikelihood
    self.negativeLogLikelihood = negativeLogLikelihood
    self.tokenCount = tokenCount
    self.divergence = divergence
    self.agreements = agreements
    self.number = number
  }
}

extension ExampleScore: RankValue {
  package func write(to bytes: inout RankBytes) {
    bytes.write(isCorrect)
    bytes.write(chosen)
    bytes.write(isCorrectPerToken)
    bytes.write(choiceNegativeLogLikelihood)
    bytes.write(negativeLogLikelihood)
    bytes.write(tokenCount)
    bytes.write(divergence)
    bytes.write(agreements)
    bytes.write(number)
  }

  package init(from bytes: inout RankBytes) throws(Fault) {
    self.init(
      isCorrect: try bytes.read(), chosen: try bytes.read(),
      isCorrectPerToken: try bytes.read(), choiceNegativeLogLikelihood: try bytes.read(),
      negativeLogLikelihood: try bytes.read(),
      tokenCount: try bytes.read(), divergence: try bytes.read(), agreements: try bytes.read(),
      number: try bytes.read())
  }
}

/// What one variant did on all examples, in example order.
public struct VariantScores: Sendable, Hashable {
  /// One score per example.
  public var examples: [ExampleScore]
  /// Wall time of the pass.
  public var seconds: Double

  /// Creates the scores of a pass.
  public init(examples: [ExampleScore], seconds: Double) {
    self.examples = examples
    self.seconds = seconds
  }

  /// Fraction of examples that are right; not a number where numbers are answered, of which none is simply right.
  public var accuracy: Double { numbers == nil ? fraction(examples.map(\.isCorrect)) : .nan }

  /// The numbers answered, one per example; nil where tokens or classes are.
  public var numbers: [Double]? {
    let numbers = examples.compactMap(\.number)
    return numbers.count == examples.count && !numbers.isEmpty ? numbers : nil
  }

  /// Fraction right by per-token likelihood; nil without choices.
  public var accuracyPerToken: Double? {
    let right = examples.compactMap(\.isCorrectPerToken)
    return right.isEmpty ? nil : fraction(right)
  }

  /// Mean −ln p of the right choice among the choices, over the examples that have choices; nil where
  /// none has.
  public var choiceNegativeLogLikelihood: Double? {
    let all = examples.compactMap(\.choiceNegativeLogLikelihood)
    return all.isEmpty ? nil : all.reduce(0, +) / Double(all.count)
  }

  /// Mean −ln p(token) over all completion tokens.
  public var negativeLogLikelihood: Double {
    examples.reduce(0) { $0 + $1.negativeLogLikelihood } / Double(max(tokenCount, 1))
  }

  /// Mean KL(teacher ‖ variant) over all completion positions; nil without a teacher.
  public var divergence: Double? {
    let all = examples.compactMap(\.divergence)
    return all.isEmpty ? nil : all.reduce(0, +) / Double(max(tokenCount, 1))
  }

  /// Fraction of completion positions where teacher and variant predict the same token.
  public var agreement: Double? {
    let all = examples.compactMap(\.agreements)
    return all.isEmpty ? nil : Double(all.reduce(0, +)) / Double(max(tokenCount, 1))
  }

  private var tokenCount: Int { examples.reduce(0) { $0 + $1.tokenCount } }

  private func fraction(_ values: [Bool]) -> Double {
    Double(values.filter { $0 }.count) / Double(max(values.count, 1))
  }
}
