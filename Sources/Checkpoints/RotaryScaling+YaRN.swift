internal import Glibc

extension RotaryScaling.YaRN {
  /// The factor of the paper, 1 + 0.1·m·ln(scale) for scales above 1.
  static func attentionFactor(scale: Double, multiplier: Double = 1) -> Double {
    scale <= 1 ? 1 : 1 + 0.1 * multiplier * log(scale)
  }
}

extension RotaryScaling.LongRoPE {
  /// The factor of Phi-3, √(1 + ln(scale)/ln(original length)) for scales above 1.
  static func attentionFactor(scale: Double, originalLength: Int) -> Double {
    scale <= 1 || originalLength < 2
      ? 1 : (1 + log(scale) / log(Double(originalLength))).squareRoot()
  }
}
