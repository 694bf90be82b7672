import Checkpoints
import Faults
import Foundation

/// The frequencies of RoPE and the factor of its cosines and sines, for blocks that turn alike.
///
/// Plain: `f_i = θ^(−2i/D)`, `i < D/2`, D the dimensions that turn. Scaled as ``RotaryScaling`` says; sources: Transformers
/// `modeling_rope_utils`, ggml `rope_yarn`.
struct RotaryFrequencies: Sendable {
  /// Radians a position turns pair `i` by, `[D/2]`.
  let values: [Float]
  /// Multiplies cosines and sines.
  let magnitude: Double

  /// The frequencies of a rotation.
  ///
  /// - Throws: 69 `MD-ROPE` where they are not known, 65 `MD-ROPE` where they are no finite numbers.
  init(_ rotary: Rotary) throws(Fault) {
    let (dimension, theta, scaling) = (rotary.dimensions, rotary.theta, rotary.scaling)
    var plain = (0..<dimension / 2).map { 1 / pow(theta, Double(2 * $0) / Double(dimension)) }
    if !scaling.divisors.isEmpty {
      plain = zip(plain, scaling.divisors).map { $0 / Double($1) }
    }
    var magnitude = scaling.magnitude
    switch scaling.kind {
    // Texts beyond the context, where dynamic scaling begins, are refused.
    case .none, .dynamic: break
    case .linear(let factor): plain = plain.map { $0 / factor }
    case .llama3(let rule): plain = plain.map { RotaryFrequencies.scaled($0, rule) }
    case .yarn(let rule):
      magnitude *= rule.attentionFactor
      plain = try RotaryFrequencies.scaled(plain, rule, dimension: dimension, theta: theta)
    case .longrope(let rule):
      // Longer texts are refused.
      magnitude *= rule.attentionFactor
      plain = zip(plain, rule.shortFactors).map { $0 / $1 }
    case .unknown(let reason, _):
      throw Fault(
        .unsupported, "MD-ROPE", "\(reason): the model can be converted without data, not run")
    }
    values = plain.map { Float($0) }
    self.magnitude = magnitude
    guard values.allSatisfy(\.isFinite), magnitude.isFinite else {
      throw Fault(.badData, "MD-ROPE", "RoPE's frequencies are not finite numbers")
    }
  }

  /// Llama 3.1: divided where the wavelength is long, kept where it is short, smooth between.
  private static func scaled(_ frequency: Double, _ rule: RotaryScaling.Llama3) -> Double {
    let rotations = Double(rule.originalLength) * frequency / (2 * Double.pi)
    if rotations > rule.highFrequencyFactor { return frequency }
    if rotations < rule.lowFrequencyFactor { return frequency / rule.factor }
    let share =
      (rotations - rule.lowFrequencyFactor) / (rule.highFrequencyFactor - rule.lowFrequencyFactor)
    return (1 - share) * frequency / rule.factor + share * frequency
  }

  /// YaRN: pair `i` is kept below the ramp, divided above it.
  private static func scaled(
    _ plain: [Double], _ rule: RotaryScaling.YaRN, dimension: Int, theta: Double
  ) throws(Fault) -> [Double] {
    /// The pair that turns so many times in the original context.
    func pair(rotations: Double) -> Double {
      Double(dimension) * log(Double(rule.originalLength) / (rotations * 2 * Double.pi))
        / (2 * log(theta))
    }
    var (low, high) = (pair(rotations: rule.betaFast), pair(rotations: rule.betaSlow))
    if rule.truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    (low, high) = (max(low, 0), min(high, Double(dimension - 1)))
    guard low <= high else {
      throw Fault(
        .unsupported, "MD-ROPE",
        "YaRN's ramp ends at pair \(high) before it begins at \(low); programs do not agree there")
    }
    if low == high { high += 0.001 }
    return plain.enumerated().map { index, frequency in
      let share = min(max((Double(index) - low) / (high - low), 0), 1)
      return frequency * (1 - share) + frequency / rule.factor * share
    }
  }
}
