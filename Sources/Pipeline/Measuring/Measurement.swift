import Checkpoints
import Evaluation
import Faults
import Files
import LinearAlgebra
import Models
import Progress
import Recipes
import Reports
import Sessions
import Tensors

/// Measures variants on the same packed examples and turns scores into results with intervals.
final class Measurement {
  /// A variant and its scores.
  struct Measured {
    var kind: VariantResult.Kind
    var name: String
    var source: String?
    var bytes: Int?
    var scores: VariantScores
    /// Whether the others are compared with it.
    var isTeacher: Bool
  }

  private let session: BaseSession
  private let evaluator: Evaluator
  private let labels: EvaluationPlan.Labels?
  private let data: EvaluationRecord.DataSource
  /// Stands for the rows.
  private let rowsKey: String
  private let seed: UInt64
  private let precision: ProductPrecision
  private var measured: [Measured] = []
  private var teacher: Evaluator.HiddenStates?
  private var teacherWeights: DecoderWeights?

  /// The rows.
  var examples: [TokenizedExample] { evaluator.plan.examples }

  init(session: BaseSession, request: JobRequest.Data, seed: UInt64) throws(Fault) {
    self.session = session
    self.seed = seed
    precision = request.precision
    let set = try DataSet(path: request.path, limit: request.limit, skip: request.skip)
    let tokenizer = try session.tokenizer()
    let examples = try session.tokenized(set)
    session.log.warn(tokenizer.map { examples.warnings(of: $0) } ?? [])
    let plan = EvaluationPlan(examples: examples)
    evaluator = Evaluator(plan: plan, ranks: session.ranks, tokenizer: tokenizer)
    labels = plan.labels
    rowsKey = "\(set.digest.hex) \(request.skip) \(examples.count) \(precision.rawValue)"
    data = EvaluationRecord.DataSource(
      path: request.path, sha256: set.digest.hex, n: examples.count, skipped: request.skip)
  }

  /// Measures one variant.
  ///
  /// The first adapter measured is the teacher of all that follow; measure it before
  /// them, and the base after it.
  func measure(
    _ kind: VariantResult.Kind, name: String, source: String? = nil, bytes: Int? = nil,
    pool: DecoderPool
  ) throws(Fault) {
    try checkHead(pool.weights.configuration, source ?? name)
    let pool = pool.multiplying(in: precision)
    try pool.weights.hold(precision, threads: session.threads)
    // What the variant before has left lies in pieces between what stays.
    ProcessMemory.giveBack()
    let task = session.log.task(
      "evaluate \(name)", total: evaluator.workCount,
      unit: evaluator.workCount > evaluator.plan.examples.count
        ? "examples and answers" : "examples")
    let key = kind == .base ? "\(try session.asBase.identity().hex) \(rowsKey)" : nil
    let result = try evaluator.evaluate(
      pool, teacher: teacher, teacherWeights: teacherWeights,
      known: key.flatMap(session.states.known)
    ) { done, _ in task.update(completed: done) }
    if let key { session.states.keep(result.hidden, as: key) }
    pool.dropBuffers()
    task.finish(
      detail: result.scores.numbers == nil
        ? "accuracy \(percent(result.scores.accuracy))"
        : "squared error \(result.scores.negativeLogLikelihood)")
    let isTeacher = kind == .lora && teacher == nil
    if isTeacher { (teacher, teacherWeights) = (result.hidden, pool.weights) }
    measured.append(
      Measured(
        kind: kind, name: name, source: source, bytes: bytes, scores: result.scores,
        isTeacher: isTeacher))
  }

  /// Refuses a variant whose head answers with other classes than the rows have.
  private func checkHead(_ model: DecoderConfiguration, _ path: String) throws(Fault) {
    let (own, wanted) = (model.classHead?.count ?? 0, session.configuration.classHead?.count ?? 0)
    guard own != wanted else { return }
    throw Fault(
      .badData, "DATA-HEAD",
      "its head answers with \(own) classes, that of the others with \(wanted): they cannot be compared",
      path: path)
  }

  private func percent(_ fraction: Double) -> String {
    "\((fraction * 1000).rounded() / 10)%"
  }

  /// All results so far, base first, with paired comparisons.
  func record() -> EvaluationRecord {
    let order: [VariantResult.Kind] = [.base, .lora, .start, .tuned, .stored, .control]
    let sorted = order.flatMap { kind in measured.filter { $0.kind == kind } }
    let base = sorted.first { $0.kind == .base }
    let lora = sorted.first { $0.kind == .lora }
    let judged = sorted.map { (labels: labelScores($0.scores), numbers: correlation($0.scores)) }
    return EvaluationRecord(
      data: data,
      variants: zip(sorted, judged).map { variant, judged in
        var result = result(variant, base: base, lora: lora)
        result.labels = judged.labels.map(LabelFigures.init)
        result.correlation = judged.numbers.map(CorrelationFigures.init)
        return result
      },
      pairs: pairs(sorted).map { pair in
        var pair = pair
        pair.others = others(judged[pair.a], judged[pair.b])
        return pair
      }, isRounded: precision != .float32)
  }

  private func result(_ variant: Measured, base: Measured?, lora: Measured?) -> VariantResult {
    let scores = variant.scores
    let right = scores.examples.map(\.isCorrect)
    let gain =
      variant.kind == .base || variant.kind == .lora
      ? nil
      : base.flatMap { base in
        lora.flatMap { lora in
          RetainedGain(
            base: base.scores.examples.map(\.isCorrect),
            teacher: lora.scores.examples.map(\.isCorrect), variant: right,
            bootstrap: PairedBootstrap(seed: seed))
        }
      }
    return VariantResult(
      kind: variant.kind, name: variant.name, source: variant.source, n: right.count,
      accuracy: scores.accuracy,
      accuracyCI95: scores.numbers == nil
        ? WilsonInterval.interval95(successes: right.count { $0 }, count: right.count) : nil,
      accuracyNorm: scores.accuracyPerToken, nll: scores.negativeLogLikelihood,
      choiceNLL: scores.choiceNegativeLogLikelihood,
      klToTeacher: variant.isTeacher ? 0 : scores.divergence,
      agreement: variant.isTeacher ? 1 : scores.agreement, retainedGain: gain?.value,
      retainedGainCI95: gain?.interval95, bytes: variant.bytes, seconds: scores.seconds)
  }

  /// How numbers that were answered go with the right ones.
  private func correlation(_ scores: VariantScores) -> CorrelationScores? {
    guard let numbers = scores.numbers else { return nil }
    let right = evaluator.plan.examples.compactMap { $0.whole?.value.map { Double($0) } }
    return CorrelationScores(
      right: right, given: numbers, bootstrap: PairedBootstrap(seed: seed))
  }

  /// What a classifier is judged by, where the examples are one's.
  private func labelScores(_ scores: VariantScores) -> LabelScores? {
    guard let labels else { return nil }
    let chosen = scores.examples.compactMap(\.chosen)
    guard chosen.count == labels.ofChoices.count else { return nil }
    let right = zip(labels.ofChoices, evaluator.plan.examples).map { $0[$1.answer] }
    return LabelScores(
      right: right, given: zip(labels.ofChoices, chosen).map { $0[$1] }, labels: labels.count,
      bootstrap: PairedBootstrap(seed: seed))
  }

  /// How the second of two variants differs from the first in what else both are judged by.
  private func others(
    _ first: (labels: LabelScores?, numbers: CorrelationScores?),
    _ second: (labels: LabelScores?, numbers: CorrelationScores?)
  ) -> [PairResult.MetricDifference] {
    typealias Difference = PairResult.MetricDifference
    func difference(_ metric: Difference.Metric, _ value: PairedDifference) -> Difference {
      Difference(metric, delta: value.value, deltaCI95: value.interval95)
    }
    var list: [Difference] = []
    if let a = first.labels, let b = second.labels {
      let found = a.differences(to: b)
      list += [difference(.macroF1, found.macroF1), difference(.matthews, found.matthews)]
    }
    if let a = first.numbers, let b = second.numbers {
      let found = a.differences(to: b)
      list += [difference(.pearson, found.pearson), difference(.spearman, found.spearman)]
    }
    return list
  }

  /// Base, LoRAs and artifacts each with each; start, tuned and controls with the last artifact (or variant).
  private func pairs(_ variants: [Measured]) -> [PairResult] {
    guard let reference = variants.lastIndex(where: { $0.kind != .control }) else { return [] }
    var pairs: [PairResult] = []
    for a in variants.indices {
      for b in variants.indices where a != b {
        let areMain = [a, b].allSatisfy { [.base, .lora, .stored].contains(variants[$0].kind) }
        guard areMain ? a < b : b == reference else { continue }
        pairs.append(pair(a, b, variants[a].scores, variants[b].scores))
      }
    }
    return pairs
  }

  private func pair(
    _ a: Int, _ b: Int, _ first: VariantScores, _ second: VariantScores
  ) -> PairResult {
    let bootstrap = PairedBootstrap(seed: seed)
    let (rightA, rightB) = (first.examples.map(\.isCorrect), second.examples.map(\.isCorrect))
    let nll = bootstrap.tokenMeanDifference(first.examples, second.examples)
    return PairResult(
      a: a, b: b, delta: second.accuracy - first.accuracy,
      deltaCI95: bootstrap.accuracyInterval95(rightA, rightB),
      mcnemarP: McNemarTest.exactP(rightA, rightB) ?? 1,
      nllDelta: second.negativeLogLikelihood - first.negativeLogLikelihood,
      nllDeltaCI95: nll?.interval95, nllP: nll?.p)
  }
}

extension LabelFigures {
  fileprivate init(_ scores: LabelScores) {
    self.init(
      macroF1: scores.macroF1, macroF1CI95: scores.macroF1Interval95, matthews: scores.matthews,
      matthewsCI95: scores.matthewsInterval95)
  }
}

extension CorrelationFigures {
  fileprivate init(_ scores: CorrelationScores) {
    self.init(
      pearson: scores.pearson, pearsonCI95: scores.pearsonInterval95, spearman: scores.spearman,
      spearmanCI95: scores.spearmanInterval95)
  }
}
