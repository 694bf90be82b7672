/// How much of what the LoRA adapter gained survives: (acc − acc_base) ⁄ (acc_LoRA − acc_base).
public struct RetainedGain: Hashable, Sendable {
  /// The share retained; above 1 when the variant beats the LoRA adapter, below 0 when it harms.
  public var value: Double
  /// Its paired-bootstrap 95% interval; `nil` where resampling has no stable denominator.
  public var interval95: ClosedRange<Double>?

  /// The ratio itself, of accuracies or numbers of right answers; `nil` where the teacher gained nothing.
  public static func share(of variant: Double, base: Double, teacher: Double) -> Double? {
    teacher > base ? (variant - base) / (teacher - base) : nil
  }

  /// Measures `variant` against `base` and `teacher`, right or wrong on the same examples.
  ///
  /// Edge case: `nil` when the lists differ in length or the teacher gained nothing, where the
  /// ratio has no meaning.
  public init?(
    base: [Bool], teacher: [Bool], variant: [Bool], bootstrap: PairedBootstrap = PairedBootstrap()
  ) {
    guard base.count == teacher.count, base.count == variant.count else { return nil }
    let gained = zip(base, variant).map { ($1 ? 1.0 : 0) - ($0 ? 1 : 0) }
    let available = zip(base, teacher).map { ($1 ? 1.0 : 0) - ($0 ? 1 : 0) }
    let right = [base, teacher, variant].map { Double($0.count { $0 }) }
    guard
      let value = RetainedGain.share(of: right[2], base: right[0], teacher: right[1])
    else { return nil }
    self.value = value
    interval95 = bootstrap.ratioInterval95(numerators: gained, denominators: available)
  }
}
