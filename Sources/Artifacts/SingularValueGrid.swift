import Glibc

/// Singular values to 64 steps an octave, which tells directions apart and costs few bytes.
///
/// A stored value is within 0.55% of the true one (`formats/loraxs.md` §4.4): loaders compare with a
/// tolerance of 1% or more. Identity of the base is proved by digests and probes.
public enum SingularValueGrid {
  private static let steps = 64.0
  private static let zero: Int16 = .min

  /// The grid value nearest to `value`; 0 stays 0.
  public static func rounded(_ value: Float) -> Float { self.value(code(value)) }

  static func code(_ value: Float) -> Int16 {
    guard value > 0, value.isFinite else { return zero }
    // Float32's 278 octaves are fewer than the grid's 512, so no value is out of range.
    return Int16((log2(Double(value)) * steps).rounded())
  }

  static func value(_ code: Int16) -> Float {
    code == zero ? 0 : Float(exp2(Double(code) / steps))
  }
}
