/// The 256-element types Q2_K to Q6_K (`formats/gguf.md` §5.3).
///
/// Codes are shifted down group after group, so that every shift is by a constant.
extension BlockDecoder {
  /// y = (d · scale) · q − (dmin · min), 16 groups of 16 with 4-bit scale and min.
  @Sendable static func q2_K(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 84 * block)
      let values = target.advanced(by: 256 * block)
      let d = scale(bytes, 80)
      let dmin = scale(bytes, 82)
      for half in 0..<2 {
        for side in 0..<2 {
          var packed = codes(bytes, 16 + 32 * half + 16 * side)
          for j in 0..<4 {
            let pair = bytes[8 * half + 2 * j + side]
            let factor = d * float(pair & 15)
            let offset = dmin * float(pair >> 4)
            store(factor * floats(packed & 3) - offset, values, 128 * half + 32 * j + 16 * side)
            packed = packed &>> 2
          }
        }
      }
    }
  }

  /// y = (d · (scale − 32)) · q, q in −4…3 with its top bit inverted in the mask.
  @Sendable static func q3_K(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 110 * block)
      let values = target.advanced(by: 256 * block)
      let d = scale(bytes, 108)
      for side in 0..<2 {
        var mask = codes(bytes, 16 * side)
        for half in 0..<2 {
          var packed = codes(bytes, 32 + 32 * half + 16 * side)
          for j in 0..<4 {
            let k = 8 * half + 2 * j + side
            let factor = d * float(sixBitScale(bytes + 96, k), minus: 32)
            let code = (packed & 3 | (mask & 1) &<< 2) &- 4
            store(factor * signedFloats(code), values, 128 * half + 32 * j + 16 * side)
            packed = packed &>> 2
            mask = mask &>> 1
          }
        }
      }
    }
  }

  /// y = (d · scale) · q − (dmin · min), 8 groups of 32.
  @Sendable static func q4_K(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 144 * block)
      let values = target.advanced(by: 256 * block)
      let d = scale(bytes, 0)
      let dmin = scale(bytes, 2)
      for pair in 0..<4 {
        let (lowScale, lowMin) = sixBitPair(bytes + 4, 2 * pair)
        let (highScale, highMin) = sixBitPair(bytes + 4, 2 * pair + 1)
        let (lowFactor, lowOffset) = (d * float(lowScale), dmin * float(lowMin))
        let (highFactor, highOffset) = (d * float(highScale), dmin * float(highMin))
        for side in 0..<2 {
          let packed = codes(bytes, 16 + 32 * pair + 16 * side)
          let place = 64 * pair + 16 * side
          store(lowFactor * floats(packed & 15) - lowOffset, values, place)
          store(highFactor * floats(packed &>> 4) - highOffset, values, place + 32)
        }
      }
    }
  }

  /// As Q4_K, with the fifth bit of group k in bit k of the high bytes.
  @Sendable static func q5_K(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 176 * block)
      let values = target.advanced(by: 256 * block)
      let d = scale(bytes, 0)
      let dmin = scale(bytes, 2)
      for side in 0..<2 {
        var top = codes(bytes, 16 + 16 * side)
        for pair in 0..<4 {
          let (lowScale, lowMin) = sixBitPair(bytes + 4, 2 * pair)
          let (highScale, highMin) = sixBitPair(bytes + 4, 2 * pair + 1)
          let (lowFactor, lowOffset) = (d * float(lowScale), dmin * float(lowMin))
          let (highFactor, highOffset) = (d * float(highScale), dmin * float(highMin))
          let packed = codes(bytes, 48 + 32 * pair + 16 * side)
          let low = packed & 15 | (top & 1) &<< 4
          let high = packed &>> 4 | (top & 2) &<< 3
          let place = 64 * pair + 16 * side
          store(lowFactor * floats(low) - lowOffset, values, place)
          store(highFactor * floats(high) - highOffset, values, place + 32)
          top = top &>> 2
        }
      }
    }
  }

  /// y = (d · scale) · (q − 32), 16 groups of 16 with signed 8-bit scales.
  @Sendable static func q6_K(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 210 * block)
      let values = target.advanced(by: 256 * block)
      let d = scale(bytes, 208)
      for half in 0..<2 {
        for side in 0..<2 {
          var nibbles = (
            codes(bytes, 64 * half + 16 * side), codes(bytes, 64 * half + 32 + 16 * side)
          )
          var high = codes(bytes, 128 + 32 * half + 16 * side)
          // Groups 0 and 1 are the low nibbles, 2 and 3 the high ones.
          for pair in 0..<2 {
            let group = 8 * half + 4 * pair + side
            let first = d * Float(Int32(Int8(bitPattern: bytes[192 + group])))
            let second = d * Float(Int32(Int8(bitPattern: bytes[194 + group])))
            let firstCode = (nibbles.0 & 15 | (high & 3) &<< 4) &- 32
            let secondCode = (nibbles.1 & 15 | (high & 12) &<< 2) &- 32
            store(first * signedFloats(firstCode), values, 16 * group)
            store(second * signedFloats(secondCode), values, 16 * group + 32)
            nibbles = (nibbles.0 &>> 4, nibbles.1 &>> 4)
            high = high &>> 4
          }
        }
      }
    }
  }

  /// Scale k of the 16 six-bit scales of Q3_K in twelve bytes.
  @inline(__always)
  private static func sixBitScale(_ packed: Source, _ k: Int) -> UInt8 {
    let low = k < 8 ? packed[k] & 15 : packed[k &- 8] >> 4
    let shift = UInt8(truncatingIfNeeded: 2 * (k / 4))
    return low | ((packed[8 + k % 4] &>> shift) & 3) << 4
  }

  /// Scale and min of group `k` from the 12 packed bytes of Q4_K and Q5_K.
  @inline(__always)
  private static func sixBitPair(_ packed: Source, _ k: Int) -> (UInt8, UInt8) {
    if k < 4 { return (packed[k] & 63, packed[k + 4] & 63) }
    let mixed = packed[k + 4]
    let scaleTop: UInt8 = packed[k - 4] >> 6
    let minTop: UInt8 = packed[k] >> 6
    return (mixed & 15 | scaleTop << 4, mixed >> 4 | minTop << 4)
  }
}
