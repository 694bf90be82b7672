/// A variant's figure of how often it is right, which of answers that are numbers is their correlation.
extension VariantResult {
  /// The share of examples that are right, or Pearson's r with the right numbers.
  var rightText: String {
    correlation.map { "r \(Numerals.fixed($0.pearson, 3))" } ?? Numerals.percent(accuracy)
  }

  /// The 95% interval of that.
  var rightRange: String {
    guard let correlation else {
      return accuracyCI95.map(Numerals.percentRange) ?? Numerals.absent
    }
    return correlation.pearsonCI95.map {
      "\(Numerals.fixed($0.lowerBound, 3)) to \(Numerals.fixed($0.upperBound, 3))"
    } ?? Numerals.absent
  }

  /// Whether a figure that was measured is none; of numbers none is simply right, and their accuracy is not one.
  var hasLostFigure: Bool {
    !(correlation?.pearson ?? accuracy).isFinite || !nll.isFinite
  }
}
