import JSON
import Reports
import Tensors

/// What an accuracy block will take, before anything is measured: the same names and as many figures, drawn at random.
///
/// Digits do not compress, so their number is what counts. A budget is filled with this in the place of the block.
enum AccuracyStandIn {
  /// The block for variants of these kinds and names, on `path`.
  static func block(
    _ variants: [(kind: VariantResult.Kind, name: String)], path: String, seed: UInt64
  ) -> EvaluationRecord {
    var generator = SeededGenerator(seed: seed, stream: 0x7374_616e_64)
    func figure() -> Double { 0.1 + 0.9 * generator.uniform() }
    /// A share of a few hundred rows has few digits.
    func share() -> Double { (figure() * 1000).rounded() / 1000 }
    func range() -> ClosedRange<Double> {
      let low = figure()
      return low...low + figure()
    }
    let results = variants.map { kind, name in
      let isMeasured = kind != .base && kind != .lora
      return VariantResult(
        kind: kind, name: name, n: 500, accuracy: share(), accuracyCI95: range(),
        accuracyNorm: share(), nll: figure(), choiceNLL: figure(), klToTeacher: figure(),
        agreement: share(), retainedGain: isMeasured ? figure() : nil,
        retainedGainCI95: isMeasured ? range() : nil, bytes: 10_000 + Int(generator.next() % 80_000)
      )
    }
    let digest = (0..<64).map { _ in
      String(generator.next() % 16, radix: 16)
    }.joined()
    return EvaluationRecord(
      data: EvaluationRecord.DataSource(path: path, sha256: digest, n: 500), variants: results,
      pairs: [])
  }
}
