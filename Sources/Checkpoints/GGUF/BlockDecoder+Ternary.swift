/// Types of three values, −d, 0 and d: TQ1_0, TQ2_0 (`formats/gguf.md` §5.5).
extension BlockDecoder {
  /// Five base-3 digits a byte: digit n of byte b is `((b · 3ⁿ mod 256) · 3) >> 8`; y = d · (digit − 1).
  @Sendable static func tq1_0(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 54 * block)
      let values = target.advanced(by: 256 * block)
      let d = scale(bytes, 52)
      digits(bytes, count: 32, digits: 5, d, into: values)
      digits(bytes + 32, count: 16, digits: 5, d, into: values + 160)
      digits(bytes + 48, count: 4, digits: 4, d, into: values + 240)
    }
  }

  /// Four 2-bit codes a byte, two halves of 128: element 128h + 32j + l is bits 2j of byte 32h + l;
  /// y = d · (q − 1).
  @Sendable static func tq2_0(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 66 * block)
      let values = target.advanced(by: 256 * block)
      let d = scale(bytes, 64)
      for half in 0..<2 {
        for j in 0..<4 {
          let shift = UInt8(truncatingIfNeeded: 2 * j)
          for l in 0..<32 {
            let code = (bytes[32 * half + l] &>> shift) & 3
            values[128 * half + 32 * j + l] = d * float(code, minus: 1)
          }
        }
      }
    }
  }

  /// `count` bytes; digit n of byte i is element `count · n + i`.
  @inline(__always)
  private static func digits(
    _ bytes: Source, count: Int, digits: Int, _ d: Float, into target: Target
  ) {
    var power: UInt8 = 1
    for n in 0..<digits {
      for i in 0..<count {
        let digit = UInt8(truncatingIfNeeded: (UInt16(bytes[i] &* power) &* 3) &>> 8)
        target[count * n + i] = d * float(digit, minus: 1)
      }
      power = power &* 3
    }
  }
}
