/// The 256-element types Q2_K to Q6_K (`formats/gguf.md` §5.3).
extension BlockDecoder {
  /// y = (d · scale) · q − (dmin · min), 16 groups of 16 with 4-bit scale and min.
  @Sendable static func q2_K(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 84 * block)
      let values = target.advanced(by: 256 * block)
      let d = scale(bytes, 80)
      let dmin = scale(bytes, 82)
      for half in 0..<2 {
        let codes = bytes.advanced(by: 16 + 32 * half)
        for j in 0..<4 {
          let shift = UInt8(truncatingIfNeeded: 2 &* j)
          for side in 0..<2 {
            let packed = bytes[8 * half + 2 * j + side]
            let factor = d * float(packed & 15)
            let offset = dmin * float(packed >> 4)
            let from = codes.advanced(by: 16 * side)
            let to = values.advanced(by: 128 * half + 32 * j + 16 * side)
            for l in 0..<16 { to[l] = factor * float((from[l] &>> shift) & 3) - offset }
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
      let packed = bytes.advanced(by: 96)
      let d = scale(bytes, 108)
      for half in 0..<2 {
        let codes = bytes.advanced(by: 32 + 32 * half)
        for j in 0..<4 {
          let shift = UInt8(truncatingIfNeeded: 2 &* j)
          let maskShift = UInt8(truncatingIfNeeded: 4 &* half &+ j)
          for side in 0..<2 {
            let k = 8 * half + 2 * j + side
            let low = k < 8 ? packed[k] & 15 : packed[k &- 8] >> 4
            let highShift = UInt8(truncatingIfNeeded: 2 * (k / 4))
            let high = (packed[8 + k % 4] &>> highShift) & 3
            let factor = d * float(low | high << 4, minus: 32)
            let from = codes.advanced(by: 16 * side)
            let mask = bytes.advanced(by: 16 * side)
            let to = values.advanced(by: 128 * half + 32 * j + 16 * side)
            for l in 0..<16 {
              let low: UInt8 = (from[l] &>> shift) & 3
              let top: UInt8 = (mask[l] &>> maskShift) & 1
              to[l] = factor * float(low | top << 2, minus: 4)
            }
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
      for k in 0..<8 {
        let (sc, m) = sixBitPair(bytes + 4, k)
        let factor = d * float(sc)
        let offset = dmin * float(m)
        let from = bytes.advanced(by: 16 + 32 * (k / 2))
        let shift = UInt8(truncatingIfNeeded: 4 &* (k & 1))
        let to = values.advanced(by: 32 * k)
        for l in 0..<32 { to[l] = factor * float((from[l] &>> shift) & 15) - offset }
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
      let high = bytes.advanced(by: 16)
      for k in 0..<8 {
        let (sc, m) = sixBitPair(bytes + 4, k)
        let factor = d * float(sc)
        let offset = dmin * float(m)
        let from = bytes.advanced(by: 48 + 32 * (k / 2))
        let shift = UInt8(truncatingIfNeeded: 4 &* (k & 1))
        let bit = UInt8(truncatingIfNeeded: k)
        let to = values.advanced(by: 32 * k)
        for l in 0..<32 {
          let low: UInt8 = (from[l] &>> shift) & 15
          let top: UInt8 = (high[l] &>> bit) & 1
          to[l] = factor * float(low | top << 4) - offset
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
        for g in 0..<4 {
          let nibbleShift: UInt8 = g < 2 ? 0 : 4
          let highShift = UInt8(truncatingIfNeeded: 2 &* g)
          for side in 0..<2 {
            let sc = Int8(bitPattern: bytes[192 + 8 * half + 2 * g + side])
            let factor = d * Float(Int32(sc))
            let low = bytes.advanced(by: 64 * half + 32 * (g & 1) + 16 * side)
            let high = bytes.advanced(by: 128 + 32 * half + 16 * side)
            let to = values.advanced(by: 128 * half + 32 * g + 16 * side)
            for l in 0..<16 {
              let nibble: UInt8 = (low[l] &>> nibbleShift) & 15
              let top: UInt8 = (high[l] &>> highShift) & 3
              to[l] = factor * float(nibble | top << 4, minus: 32)
            }
          }
        }
      }
    }
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
