/// Several comparisons of one result: chance finds a difference somewhere more often than in one of them.
enum HolmCorrection {
  /// The p-values such that comparing each with α keeps the chance of any false finding at most α.
  ///
  /// p̃₍ᵢ₎ = max_{j ≤ i} min(1, (m − j + 1)·p₍ⱼ₎) over the m values in increasing order. Source: Holm, "A simple
  /// sequentially rejective multiple test procedure", 1979.
  static func adjusted(_ values: [Double]) -> [Double] {
    var result = values
    var least = 0.0
    for (place, index) in values.indices.sorted(by: { values[$0] < values[$1] }).enumerated() {
      least = max(least, min(1, Double(values.count - place) * values[index]))
      result[index] = least
    }
    return result
  }
}
