/// One job's line in the summary, as text before any escaping.
struct SummaryRow: Sendable {
  let name: String
  let state: String
  let base: String
  let lora: String
  let start: String
  let tuned: String
  let result: String
  let resultRange: String
  let retained: String
  let baseNLL: String
  let loraNLL: String
  let resultNLL: String
  let asShipped: String
  let f16: String
  let artifact: String
  let ratio: String
  let ratioF16: String
  /// The mean share of the updates' energy that the artifact's directions hold.
  let energy: String

  init(_ job: JobRecord) {
    let evaluation = job.evaluation
    func accuracy(_ kind: VariantResult.Kind) -> String {
      evaluation?.first(kind)?.rightText ?? Numerals.absent
    }
    let found = evaluation?.result
    name = job.name
    state = job.state.rawValue
    base = accuracy(.base)
    lora = accuracy(.lora)
    start = accuracy(.start)
    tuned = accuracy(.tuned)
    result = found?.rightText ?? Numerals.absent
    resultRange = found?.rightRange ?? Numerals.absent
    retained = found?.retainedGain.map { Numerals.percent($0) } ?? Numerals.absent
    func nll(_ kind: VariantResult.Kind) -> String {
      evaluation?.first(kind).map { Numerals.fixed($0.nll, 3) } ?? Numerals.absent
    }
    baseNLL = nll(.base)
    loraNLL = nll(.lora)
    resultNLL = found.map { Numerals.fixed($0.nll, 3) } ?? Numerals.absent
    asShipped = (job.sizes?.asShipped).map(Numerals.bytes) ?? Numerals.absent
    f16 = (job.sizes?.f16Equivalent).map(Numerals.bytes) ?? Numerals.absent
    artifact = job.sizes.map { Numerals.bytes($0.artifact) } ?? Numerals.absent
    energy = job.meanCapturedEnergy.map { Numerals.percent($0) } ?? Numerals.absent
    ratio = (job.sizes?.ratioAsShipped).map(Numerals.ratio) ?? Numerals.absent
    ratioF16 = (job.sizes?.ratioF16).map(Numerals.ratio) ?? Numerals.absent
  }
}
