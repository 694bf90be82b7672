import JSON
import Recipes
import Reports
import Tensors

/// What an accuracy block will take, before anything is measured: the same names and as many figures, drawn at random.
///
/// Digits do not compress, so their number is what counts. A budget is filled with this in the place of the block.
enum AccuracyStandIn {
  /// How much of the figures an artifact has.
  enum Extent {
    /// What the job itself comes to.
    case own
    /// Base, LoRA and artifact, without intervals.
    case barest
  }

  /// A variant that will be measured.
  struct Variant {
    let kind: VariantResult.Kind
    let name: String
    /// The file or folder it comes from, where there is one.
    var source: String?
  }

  /// The block for `variants` on `data`.
  static func block(
    _ variants: [Variant], on data: JobRequest.Data, seed: UInt64
  ) -> EvaluationRecord {
    var generator = SeededGenerator(seed: seed, stream: 0x7374_616e_64)
    func figure() -> Double { 0.1 + 0.9 * generator.uniform() }
    /// A share of a few hundred rows has few digits.
    func share() -> Double { (figure() * 1000).rounded() / 1000 }
    func range() -> ClosedRange<Double> {
      let low = figure()
      return low...low + figure()
    }
    let results = variants.map { variant in
      let isMeasured = variant.kind != .base && variant.kind != .lora
      return VariantResult(
        kind: variant.kind, name: variant.name, source: variant.source, n: 500, accuracy: share(),
        accuracyCI95: range(), accuracyNorm: share(), nll: figure(), choiceNLL: figure(),
        // What is near to the LoRA has zeros in front.
        klToTeacher: figure() / 1000, agreement: share(),
        retainedGain: isMeasured ? figure() : nil, retainedGainCI95: isMeasured ? range() : nil,
        bytes: variant.kind == .lora ? 1_000_000 + Int(generator.next() % 8_000_000) : nil)
    }
    let digest = (0..<64).map { _ in
      String(generator.next() % 16, radix: 16)
    }.joined()
    return EvaluationRecord(
      data: EvaluationRecord.DataSource(
        path: data.path, sha256: digest, n: 500, skipped: data.skip),
      variants: results, pairs: [])
  }
}
