import Faults

/// The search for the scale of a column whose codes lie in `-limit...limit`.
struct ColumnQuantiser {
  /// The largest code in magnitude.
  let limit: Int
  /// The weight of each row's squared error; none is negative.
  let weights: [Float]

  /// How far below the scale that covers the largest number the search goes, in steps of an eighth of an octave:
  /// the fewer the codes, the more is gained by cutting off large numbers.
  private var stepsBelow: Int { limit < 16 ? 16 : 2 }

  /// The scale on the grid of ``ColumnScale`` with the smallest error `Σᵢ wᵢ (mᵢ − s·qᵢ)²`.
  ///
  /// Scales up to the largest number itself are tried: numbers that are rounded already may leave the largest codes
  /// unused, and find their own scale again.
  ///
  /// - Throws: 65 `VAL-RANGE` for a number that the largest scale does not cover.
  func bestScaleCode(of numbers: [Float]) throws(Fault) -> UInt8 {
    let largest = numbers.reduce(0) { max($0, abs($1)) }
    guard largest > 0 else { return 0 }
    guard largest <= ColumnScale.value(255) * Float(limit) else {
      throw Fault(.badData, "VAL-RANGE", "latent number \(largest) is beyond the largest scale")
    }
    let covering = Int(ColumnScale.code(covering: largest / Float(limit)))
    let highest = Int(ColumnScale.code(covering: largest))
    var best = (code: UInt8(covering), error: Float.infinity)
    for code in max(covering - stepsBelow, 1)...max(covering, highest) {
      let code = UInt8(code)
      let error = squaredError(of: numbers, scale: ColumnScale.value(code), limit: best.error)
      if error < best.error { best = (code, error) }
    }
    return best.code
  }

  /// The nearest code.
  func code(of number: Float, scale: Float) -> Int8 {
    guard scale > 0 else { return 0 }
    let bound = Float(limit)
    return Int8(max(-bound, min(bound, (number / scale).rounded(.toNearestOrEven))))
  }

  /// The error at a scale, or a part of it that is `limit` or more: it grows with every number.
  private func squaredError(of numbers: [Float], scale: Float, limit: Float) -> Float {
    let bound = Float(self.limit)
    var error: Float = 0
    for index in numbers.indices {
      guard error < limit else { break }
      let code = (numbers[index] / scale).rounded(.toNearestOrEven)
      let difference = numbers[index] - max(-bound, min(bound, code)) * scale
      error += weights[index] * difference * difference
    }
    return error
  }
}
