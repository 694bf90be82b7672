/// How RoPE's frequencies differ from the plain θ^(−2i/D), i < D/2 (`formats/hf.md` §3.1, `formats/gguf.md` §7.4).
///
/// Conversion needs none of this; only what runs a model refuses what is ``Kind/unknown(reason:source:)``.
public struct RotaryScaling: Sendable, Hashable {
  /// The rules, by their names in `rope_type`.
  public enum Kind: Sendable, Hashable {
    /// Plain frequencies.
    case none
    /// Every frequency divided by `factor`.
    case linear(factor: Double)
    /// Long wavelengths divided, short ones kept, smooth between.
    case llama3(Llama3)
    /// Frequencies between plain and divided ones by a ramp, and longer vectors.
    case yarn(YaRN)
    /// Plain frequencies up to the model's context, another θ for every longer text.
    case dynamic(factor: Double)
    /// Each frequency divided by its own factor, by others in texts beyond the original context.
    case longrope(LongRoPE)
    /// Something whose angles are not known here: why, and the object of `config.json` as JSON text where it came
    /// from one.
    case unknown(reason: String, source: String?)
  }

  /// The parameters of Llama 3.1.
  public struct Llama3: Sendable, Hashable {
    /// Divides the frequencies of wavelengths above `originalLength / lowFrequencyFactor`.
    public var factor: Double
    /// Where the smooth part ends.
    public var lowFrequencyFactor: Double
    /// Wavelengths below `originalLength / highFrequencyFactor` are kept.
    public var highFrequencyFactor: Double
    /// Positions of the pretraining.
    public var originalLength: Int

    /// Parameters from their fields.
    public init(
      factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalLength: Int
    ) {
      self.factor = factor
      self.lowFrequencyFactor = lowFrequencyFactor
      self.highFrequencyFactor = highFrequencyFactor
      self.originalLength = originalLength
    }
  }

  /// The parameters of YaRN (Peng et al., 2023).
  public struct YaRN: Sendable, Hashable {
    /// Divides the low frequencies.
    public var factor: Double
    /// Positions of the pretraining.
    public var originalLength: Int
    /// Multiplies cosines and sines.
    public var attentionFactor: Double
    /// Rotations within `originalLength` above which a frequency is kept.
    public var betaFast: Double
    /// Rotations below which it is divided.
    public var betaSlow: Double
    /// Whether the ends of the ramp are rounded to whole pairs.
    public var truncates: Bool

    /// Parameters from their fields.
    public init(
      factor: Double, originalLength: Int, attentionFactor: Double, betaFast: Double = 32,
      betaSlow: Double = 1, truncates: Bool = true
    ) {
      self.factor = factor
      self.originalLength = originalLength
      self.attentionFactor = attentionFactor
      self.betaFast = betaFast
      self.betaSlow = betaSlow
      self.truncates = truncates
    }
  }

  /// The parameters of LongRoPE (Ding et al., 2024).
  public struct LongRoPE: Sendable, Hashable {
    /// What each frequency is divided by in texts of at most `originalLength`, `[D/2]`.
    public var shortFactors: [Double]
    /// What it is divided by in longer ones, `[D/2]`.
    public var longFactors: [Double]
    /// Positions of the pretraining.
    public var originalLength: Int
    /// Multiplies cosines and sines.
    public var attentionFactor: Double

    /// Parameters from their fields.
    public init(
      shortFactors: [Double], longFactors: [Double], originalLength: Int, attentionFactor: Double
    ) {
      self.shortFactors = shortFactors
      self.longFactors = longFactors
      self.originalLength = originalLength
      self.attentionFactor = attentionFactor
    }
  }

  /// The rule.
  public var kind: Kind
  /// What each frequency is divided by before the rule, `[D/2]`: `rope_freqs.weight` of a GGUF file; empty where
  /// there is none.
  public var divisors: [Float]
  /// Multiplies cosines and sines whatever the rule: `rope.scaling.attn_factor` of a GGUF file.
  public var magnitude: Double

  /// A rule with what a GGUF file adds to it.
  public init(_ kind: Kind = .none, divisors: [Float] = [], magnitude: Double = 1) {
    self.kind = kind
    self.divisors = divisors
    self.magnitude = magnitude
  }

  /// The longest text for which the rule is computed as its model defines it; nil where every length is.
  var exactLength: Int? {
    guard case .longrope(let rule) = kind, rule.shortFactors != rule.longFactors else { return nil }
    return rule.originalLength
  }
}
