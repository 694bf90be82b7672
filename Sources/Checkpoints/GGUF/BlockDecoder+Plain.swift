/// Plain element types: F32, F16, BF16, F64 (`formats/gguf.md` §5.1).
extension BlockDecoder {
  @Sendable static func f32(_ source: Source, _ target: Target, _ count: Int) {
    for index in 0..<count { target[index] = Float(bitPattern: load32(source, 4 &* index)) }
  }

  /// Half to single without a branch: shift the fields into place and multiply by 2¹¹², which is
  /// exact for normal and subnormal halves; infinities and NaN take the maximum exponent instead.
  @Sendable static func f16(_ source: Source, _ target: Target, _ count: Int) {
    for index in 0..<count {
      let bits = UInt32(load16(source, 2 &* index))
      let magnitude = (bits & 0x7fff) << 13
      let finite = (Float(bitPattern: magnitude) * 0x1p112).bitPattern
      let special = magnitude | 0x7f80_0000
      let value = bits & 0x7c00 == 0x7c00 ? special : finite
      target[index] = Float(bitPattern: value | (bits & 0x8000) << 16)
    }
  }

  @Sendable static func bf16(_ source: Source, _ target: Target, _ count: Int) {
    for index in 0..<count {
      target[index] = Float(bitPattern: UInt32(load16(source, 2 &* index)) << 16)
    }
  }

  /// Double to single, to nearest, ties to even; beyond the range it becomes infinity, which the
  /// caller refuses.
  @Sendable static func f64(_ source: Source, _ target: Target, _ count: Int) {
    for index in 0..<count {
      target[index] = Float(Double(bitPattern: load64(source, 8 &* index)))
    }
  }
}
