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
  let loraNLL: String
  let resultNLL: String
  let asShipped: String
  let f16: String
  let artifact: String
  let ratio: String
  let ratioF16: String

  init(_ job: JobRecord) {
    let evaluation = job.evaluation
    func accuracy(_ kind: VariantResult.Kind) -> String {
      evaluation?.first(kind).map { Numerals.percent($0.accuracy) } ?? Numerals.absent
    }
    let found = evaluation?.result
    name = job.name
    state = job.state.rawValue
    base = accuracy(.base)
    lora = accuracy(.lora)
    start = accuracy(.start)
    tuned = accuracy(.tuned)
    result = found.map { Numerals.percent($0.accuracy) } ?? Numerals.absent
    resultRange = found?.accuracyCI95.map(Numerals.percentRange) ?? ""
    retained = found?.retainedGain.map { Numerals.percent($0) } ?? Numerals.absent
    loraNLL = evaluation?.first(.lora).map { Numerals.fixed($0.nll, 3) } ?? Numerals.absent
    resultNLL = found.map { Numerals.fixed($0.nll, 3) } ?? Numerals.absent
    asShipped = job.sizes.map { Numerals.bytes($0.asShipped) } ?? Numerals.absent
    f16 = job.sizes.map { Numerals.bytes($0.f16Equivalent) } ?? Numerals.absent
    artifact = job.sizes.map { Numerals.bytes($0.artifact) } ?? Numerals.absent
    ratio = job.sizes.map { Numerals.ratio($0.ratioAsShipped) } ?? Numerals.absent
    ratioF16 = job.sizes.map { Numerals.ratio($0.ratioF16) } ?? Numerals.absent
  }
}
