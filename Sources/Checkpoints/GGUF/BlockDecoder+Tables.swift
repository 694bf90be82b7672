/// Types whose 4-bit codes index a table: IQ4_NL, IQ4_XS, MXFP4, NVFP4 (`formats/gguf.md` §5.4).
extension BlockDecoder {
  private static let nonLinear: [Float] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
  ]

  /// Twice the E2M1 values, so that the block scale below is half of the stored exponent.
  private static let doubledE2M1: [Float] = [
    0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12,
  ]

  /// y = d · K[q].
  @Sendable static func iq4_NL(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 18 * block)
      lookUp(bytes + 2, nonLinear, scale(bytes, 0), into: target.advanced(by: 32 * block))
    }
  }

  /// y = (d · (scale − 32)) · K[q], 8 groups of 32.
  @Sendable static func iq4_XS(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 136 * block)
      let values = target.advanced(by: 256 * block)
      let d = scale(bytes, 0)
      let highScales = load16(bytes, 2)
      for k in 0..<8 {
        let lowShift = UInt8(truncatingIfNeeded: 4 * (k & 1))
        let low: UInt8 = (bytes[4 + k / 2] &>> lowShift) & 15
        let highShift = UInt16(truncatingIfNeeded: 2 * k)
        let high = UInt8(truncatingIfNeeded: highScales &>> highShift) & 3
        let factor = d * float(low | high << 4, minus: 32)
        let codes = bytes.advanced(by: 8 + 16 * k)
        lookUp(codes, nonLinear, factor, into: values.advanced(by: 32 * k))
      }
    }
  }

  /// y = 2^(e − 128) · K₂[q]; the two smallest exponents are subnormal in Float32.
  @Sendable static func mxfp4(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 17 * block)
      let e = UInt32(bytes[0])
      let factor = Float(bitPattern: e < 2 ? 0x0020_0000 << e : (e &- 1) << 23)
      lookUp(bytes + 1, doubledE2M1, factor, into: target.advanced(by: 32 * block))
    }
  }

  /// y = ½·s · K₂[q], four groups of 16 with a scale s each, unsigned E4M3.
  ///
  /// The tensor's own factor, a sibling tensor, is not applied here.
  @Sendable static func nvfp4(_ source: Source, _ target: Target, _ blocks: Int) {
    doubledE2M1.withUnsafeBufferPointer { table in
      for block in 0..<blocks {
        let bytes = source.advanced(by: 36 * block)
        let values = target.advanced(by: 64 * block)
        for group in 0..<4 {
          let factor = 0.5 * unsignedE4M3(bytes[group])
          for j in 0..<8 {
            let code = bytes[4 + 8 * group + j]
            values[16 * group + j] = factor * table[Int(code & 15)]
            values[16 * group + 8 + j] = factor * table[Int(code >> 4)]
          }
        }
      }
    }
  }

  /// Four bits of exponent (bias 7), three of mantissa, no sign; 0x7F stands for 0.
  @inline(__always)
  private static func unsignedE4M3(_ code: UInt8) -> Float {
    if code == 0x7f { return 0 }
    let (exponent, mantissa) = (UInt32(code >> 3) & 15, UInt32(code & 7))
    if exponent == 0 { return Float(mantissa) / 512 }
    return Float(bitPattern: (exponent + 120) << 23 | mantissa << 20)
  }

  /// Sixteen bytes: low nibbles are elements 0…15, high nibbles 16…31.
  @inline(__always)
  private static func lookUp(
    _ codes: Source, _ table: [Float], _ factor: Float, into target: Target
  ) {
    table.withUnsafeBufferPointer { table in
      for j in 0..<16 {
        target[j] = factor * table[Int(codes[j] & 15)]
        target[j &+ 16] = factor * table[Int(codes[j] >> 4)]
      }
    }
  }
}
