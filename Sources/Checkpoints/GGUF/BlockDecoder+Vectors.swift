/// Sixteen codes at a time. Loading them before anything is stored, and shifting by constants, is what lets
/// the compiler keep every kernel in vector registers, on any processor.
extension BlockDecoder {
  /// Sixteen bytes, or sixteen codes in them.
  typealias Codes = SIMD16<UInt8>

  /// The sixteen bytes from `offset` on, any alignment.
  @inline(__always)
  static func codes(_ source: Source, _ offset: Int) -> Codes {
    UnsafeRawPointer(source).loadUnaligned(fromByteOffset: offset, as: Codes.self)
  }

  /// Sixteen codes as Float32.
  @inline(__always)
  static func floats(_ codes: Codes) -> SIMD16<Float> {
    // Element by element: the library's conversion is a call.
    var result = SIMD16<Float>()
    for index in 0..<16 { result[index] = Float(Int32(truncatingIfNeeded: codes[index])) }
    return result
  }

  /// Sixteen bytes as signed numbers in Float32.
  @inline(__always)
  static func signedFloats(_ codes: Codes) -> SIMD16<Float> {
    var result = SIMD16<Float>()
    for index in 0..<16 {
      result[index] = Float(Int32(Int8(truncatingIfNeeded: codes[index])))
    }
    return result
  }

  /// Writes sixteen values at element `index`, any alignment.
  @inline(__always)
  static func store(_ values: SIMD16<Float>, _ target: Target, _ index: Int) {
    UnsafeMutableRawPointer(target).storeBytes(
      of: values, toByteOffset: 4 &* index, as: SIMD16<Float>.self)
  }

  /// Bit i of `bits` as code i, 0 or 16: the fifth bits of sixteen codes.
  @inline(__always)
  static func fifthBits(_ bits: UInt16) -> Codes {
    let (low, high) = (UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits &>> 8))
    let spread = Codes(
      low, low, low, low, low, low, low, low, high, high, high, high, high, high, high, high)
    let places = Codes(1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128)
    // A bit at place p carries into place 7 when 128 − p is added, and nothing else does.
    return (((spread & places) &+ (128 &- places)) &>> 3) & 16
  }
}
