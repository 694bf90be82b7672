import Artifacts
import Evaluation
package import Faults
import Models
import Progress
package import Reports
import Sessions
import Training

/// Whether an artifact, as it is stored, keeps enough of the LoRA's gain in accuracy:
/// `(accuracy − base) / (LoRA − base)` by the lower end of its 95% interval.
///
/// Its rows choose neither step nor learning rate (``TuningSplit``): a maximum over steps on the rows that
/// are judged would flatter what is judged.
package struct RetentionGate: Stage {
  package static let name: String? = "judge"

  /// Fewer rows say too little: of 32 right answers one is 3%.
  static let leastRows = 32

  private let asked: Double
  private let evaluator: Evaluator
  private let bootstrap: PairedBootstrap
  private let base: [Bool]
  private let teacher: [Bool]

  /// Measures the base and `teacher`, the LoRA model, on `examples`.
  ///
  /// - Throws: `JOB-GATE`: 64 for too few examples; 65 where the LoRA gains nothing on them, or too little for an
  ///   interval.
  init(
    session: BaseSession, examples: [TokenizedExample], teacher: DecoderPool, adapterPath: String,
    asked: Double, seed: UInt64
  ) throws(Fault) {
    guard examples.count >= RetentionGate.leastRows else {
      throw RetentionGate.tooFew(examples.count)
    }
    self.asked = asked
    let evaluator = Evaluator(
      plan: EvaluationPlan(examples: examples), ranks: session.ranks,
      tokenizer: try session.tokenizer())
    self.evaluator = evaluator
    bootstrap = PairedBootstrap(seed: seed)
    func right(_ pool: DecoderPool) throws(Fault) -> [Bool] {
      try evaluator.evaluate(pool).scores.examples.map(\.isCorrect)
    }
    let changed = try right(teacher)
    let plain = try right(
      DecoderPool(weights: try session.asBase.weights(), threads: session.threads))
    (self.teacher, base) = (changed, plain)
    let whole = RetainedGain(
      base: plain, teacher: changed, variant: changed, bootstrap: bootstrap)
    guard whole?.interval95 != nil else {
      throw Fault(
        .badData, "JOB-GATE",
        "the LoRA gains \(whole == nil ? "nothing" : "too little for an interval") on the \(plain.count) rows "
          + "held out for the minimum of retained gain: \(changed.count { $0 }) right, the base "
          + "\(plain.count { $0 })", path: adapterPath)
    }
  }

  /// What the artifact keeps, decoded from the bytes that would be written.
  ///
  /// `nearest` is what came nearest of the sizes before; nil for the first.
  package func run(
    _ input: (artifact: AssembledArtifact, size: JobSize, nearest: GateRecord?),
    in job: JobContext
  ) throws(Fault) -> GateRecord {
    let loaded = try input.artifact.loaded(job.session)
    let scores = try evaluator.evaluate(try loaded.student(session: job.session).pool).scores
    let gain = RetainedGain(
      base: base, teacher: teacher, variant: scores.examples.map(\.isCorrect),
      bootstrap: bootstrap)
    guard let gain, let interval = gain.interval95 else {
      throw Fault(
        .internalError, "JOB-GATE", "no interval of the retained gain with \(input.size.name)")
    }
    let found = GateRecord(
      asked: asked, retained: gain.value, interval95: interval, rows: base.count,
      size: input.size.name, tried: (input.nearest?.tried ?? 0) + 1)
    job.session.log.note("retained gain \(found.sentence)")
    return found
  }

  /// 64: `count` rows are too few.
  static func tooFew(_ count: Int) -> Fault {
    Fault(
      .usage, "JOB-GATE",
      "a minimum of retained gain needs at least \(leastRows) rows that nothing else uses, found \(count): give "
        + "more training examples, or a validation file of \(2 * leastRows) rows, half of which are held out for it"
    )
  }
}

extension AssembledArtifact {
  /// What a user will load: decoded from the encoded bytes, bases regenerated and proved.
  func loaded(_ session: BaseSession) throws(Fault) -> LoadedArtifact {
    try ArtifactLoader(session: session).load(try Artifact(bytes: try artifact.bytes()))
  }
}
