extension DirectionBlock {
  /// Filters the Ritz vectors by the Chebyshev polynomial `T_d(2A/bound − 1)`, up to their lengths, with products in
  /// Float32.
  ///
  /// `T_d` grows like `cosh(d·acosh x)` above the bound and stays within ±1 below, so that the wanted directions gain
  /// on those beyond it (Zhou, Saad, Tiago, Chelikowsky 2006). For a Ritz pair with residual `r = (Ã − x) v`,
  /// `Ã = 2A/bound − 1`, `x = 2θ/bound − 1`, the filter is `T_k(Ã) v = T_k(x) v + d_k` with `d₀ = 0`, `d₁ = r`,
  /// `d_{k+1} = 2Ã d_k − d_{k−1} + 2 T_k(x) r`. The correction `d_k / T_k(x)` is as small as the residual, so that its
  /// relative error in Float32 does no harm. Needs current images; leaves neither images nor Ritz values.
  mutating func correct(degree: Int, bound: Double, by rough: GramOperator) {
    let slope = 2 / bound
    let places = values.map { max(slope * $0 - 1, 1) }
    var (residuals, lengths) = scaledResiduals(slope: slope)
    // Of length one: a residual near the end of Float32's range would lose digits.
    for row in 0..<count where lengths[row] > 0 {
      for index in row * size..<(row + 1) * size { residuals[index] /= Float(lengths[row]) }
    }
    // T_{k−1} / T_k of every row: corrections are kept divided by T_k, which would overflow.
    var ratios = places.map { 1 / $0 }
    var previous = [Float](repeating: 0, count: residuals.count)
    var current = zip(residuals.indices, residuals).map { Float(ratios[$0 / size]) * $1 }
    for _ in 1..<max(degree, 1) {
      let next = zip(places, ratios).map { 1 / (2 * $0 - $1) }
      // d_{k+1} = next · (2 Ã d_k + 2 r) − next · ratio · d_{k−1}, rows of `current` scaled beforehand.
      for row in 0..<count {
        let (factor, back) = (Float(next[row]), Float(next[row] * ratios[row]))
        for index in row * size..<(row + 1) * size {
          current[index] *= factor
          previous[index] =
            2 * factor * residuals[index] - back * previous[index] - 2 * current[index]
        }
      }
      rough.apply(current, count: count, alpha: Float(2 * slope), beta: 1, into: &previous)
      // Back to d_k, which the next round needs as its d_{k−1}.
      for row in 0..<count {
        let factor = Float(1 / next[row])
        for index in row * size..<(row + 1) * size { current[index] *= factor }
      }
      swap(&previous, &current)
      ratios = next
    }
    add(current, scales: lengths)
  }

  /// `2/bound · (A v − θ v)` of every pair, and their lengths.
  private func scaledResiduals(slope: Double) -> (rows: [Float], lengths: [Double]) {
    var rows = [Float](repeating: 0, count: count * size)
    var lengths = [Double](repeating: 0, count: count)
    for row in 0..<count {
      var sum = 0.0
      for index in row * size..<(row + 1) * size {
        let value = slope * (images.elements[index] - values[row] * vectors.elements[index])
        sum += value * value
        rows[index] = Float(value)
      }
      lengths[row] = sum.squareRoot()
    }
    return (rows, lengths)
  }
}
