import Glibc

/// One byte a module that shows a mistaken direction: the kept singular values summed in steps of 2⁻¹⁰ octave,
/// modulo 256 (`formats/loraxs.md` §4.4).
///
/// Neighbouring singular values of a trained weight lie several steps apart, two computations of the same one far less
/// than a step. What is wrong in a module goes unnoticed once in 85 times; a mistake is rarely in one module.
public enum SingularValueCheck {
  /// `round(2¹⁰ · Σ log₂ σ) mod 256` over both sides' directions; σ that are not positive count as 1.
  public static func code(output: [Double], input: [Double]) -> UInt8 {
    var octaves = 0.0
    for value in output + input where value > 0 && value.isFinite { octaves += log2(value) }
    // Fewer than 2¹⁸ values of at most 1,074 octaves stay far below 2⁵³ steps.
    return UInt8(truncatingIfNeeded: Int((octaves * 1024).rounded()))
  }

  /// Whether two codes stand for the same sum: rounding may have gone to different sides of a step.
  public static func agree(_ left: UInt8, _ right: UInt8) -> Bool {
    let difference = left &- right
    return difference <= 1 || difference == .max
  }
}
