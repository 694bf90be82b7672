/// Types of two to four multiples of d: TQ1_0, TQ2_0, Q1_0, Q2_0 (`formats/gguf.md` §5.5).
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
        for side in 0..<2 {
          var packed = codes(bytes, 32 * half + 16 * side)
          for j in 0..<4 {
            let code = (packed & 3) &- 1
            store(d * signedFloats(code), values, 128 * half + 32 * j + 16 * side)
            packed = packed &>> 2
          }
        }
      }
    }
  }

  /// One bit an element, the lowest of a byte first: y = d where it is set, else −d.
  @Sendable static func q1_0(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 18 * block)
      let values = target.advanced(by: 128 * block)
      let d = scale(bytes, 0).bitPattern
      for octet in 0..<16 {
        let clear = ~UInt32(bytes[2 + octet])
        for index in 0..<8 {
          let flip = (clear &<< UInt32(31 &- index)) & 0x8000_0000
          values[8 * octet + index] = Float(bitPattern: d ^ flip)
        }
      }
    }
  }

  /// Two bits an element, the lowest of a byte first: y = d · (q − 1), q − 1 in −1…2.
  @Sendable static func q2_0(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 18 * block)
      let values = target.advanced(by: 64 * block)
      let d = scale(bytes, 0)
      for index in 0..<16 {
        let packed = bytes[2 + index]
        for j in 0..<4 {
          let shift = UInt8(truncatingIfNeeded: 2 &* j)
          values[4 * index + j] = d * float((packed &>> shift) & 3, minus: 1)
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
