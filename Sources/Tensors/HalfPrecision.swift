/// Conversions between Float32 and the two 16-bit formats, exact where the target can hold the value
/// and round-to-nearest-even otherwise.
public enum HalfPrecision {
  /// The Float32 value of an IEEE half bit pattern, subnormals included.
  @inlinable public static func float(half bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10) & 0x1f
    let fraction = UInt32(bits) & 0x3ff
    if exponent == 0x1f { return Float(bitPattern: sign | 0x7f80_0000 | fraction << 13) }
    if exponent != 0 { return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13) }
    // Subnormal: fraction · 2⁻²⁴ is exact in Float32.
    let magnitude = Float(fraction) * 0x1p-24
    return sign == 0 ? magnitude : -magnitude
  }

  /// The IEEE half nearest to `value`, ties to even; overflow becomes infinity.
  @inlinable public static func half(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let sign = UInt16((bits >> 16) & 0x8000)
    let magnitude = bits & 0x7fff_ffff
    if magnitude > 0x7f80_0000 { return sign | 0x7e00 }
    if magnitude >= 0x4780_0000 { return sign | 0x7c00 }
    if magnitude < 0x3880_0000 {
      // Below 2⁻¹⁴: round to a multiple of 2⁻²⁴ by one exact addition.
      let scaled = Float(bitPattern: magnitude) + Float(0.5)
      return sign | UInt16(truncatingIfNeeded: scaled.bitPattern &- Float(0.5).bitPattern)
    }
    let rounded = magnitude + 0xfff + ((magnitude >> 13) & 1)
    return sign | UInt16(truncatingIfNeeded: (rounded - 0x3800_0000) >> 13)
  }

  /// The Float32 value of a BF16 bit pattern.
  @inlinable public static func float(brain bits: UInt16) -> Float {
    Float(bitPattern: UInt32(bits) << 16)
  }

  /// The BF16 nearest to `value`, ties to even.
  @inlinable public static func brain(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(bits >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (bits + 0x7fff + ((bits >> 16) & 1)) >> 16)
  }
}
