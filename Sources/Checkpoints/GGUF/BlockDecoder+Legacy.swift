/// The 32-element types Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 (`formats/gguf.md` §5.2).
///
/// In the 4- and 5-bit types byte j holds element j in its low nibble and element j + 16 in its high.
extension BlockDecoder {
  /// y = d · (q − 8).
  @Sendable static func q4_0(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 18 * block)
      let values = target.advanced(by: 32 * block)
      let d = scale(bytes, 0)
      for j in 0..<16 {
        let code = bytes[2 &+ j]
        values[j] = d * float(code & 15, minus: 8)
        values[j &+ 16] = d * float(code >> 4, minus: 8)
      }
    }
  }

  /// y = d · q + m.
  @Sendable static func q4_1(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 20 * block)
      let values = target.advanced(by: 32 * block)
      let d = scale(bytes, 0)
      let m = scale(bytes, 2)
      for j in 0..<16 {
        let code = bytes[4 &+ j]
        values[j] = d * float(code & 15) + m
        values[j &+ 16] = d * float(code >> 4) + m
      }
    }
  }

  /// y = d · (q − 16); bit i of the word at byte 2 is the fifth bit of element i.
  @Sendable static func q5_0(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 22 * block)
      let values = target.advanced(by: 32 * block)
      let d = scale(bytes, 0)
      let high = load32(bytes, 2)
      for j in 0..<16 {
        let (low, top) = fiveBits(bytes[6 &+ j], high, j)
        values[j] = d * Float(low &- 16)
        values[j &+ 16] = d * Float(top &- 16)
      }
    }
  }

  /// y = d · q + m.
  @Sendable static func q5_1(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 24 * block)
      let values = target.advanced(by: 32 * block)
      let d = scale(bytes, 0)
      let m = scale(bytes, 2)
      let high = load32(bytes, 4)
      for j in 0..<16 {
        let (low, top) = fiveBits(bytes[8 &+ j], high, j)
        values[j] = d * Float(low) + m
        values[j &+ 16] = d * Float(top) + m
      }
    }
  }

  /// y = d · q with q signed.
  @Sendable static func q8_0(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 34 * block)
      let values = target.advanced(by: 32 * block)
      let d = scale(bytes, 0)
      for j in 0..<32 { values[j] = d * Float(Int32(Int8(bitPattern: bytes[2 &+ j]))) }
    }
  }

  /// Elements j and j + 16 of a 5-bit block: a nibble each of `code`, bits j and j + 16 of `high`.
  @inline(__always)
  private static func fiveBits(_ code: UInt8, _ high: UInt32, _ j: Int) -> (Int32, Int32) {
    let shift = UInt32(truncatingIfNeeded: j)
    let lowBit = (high &>> shift) & 1
    let topBit = (high &>> (shift &+ 16)) & 1
    return (
      Int32(truncatingIfNeeded: UInt32(code & 15) | lowBit << 4),
      Int32(truncatingIfNeeded: UInt32(code >> 4) | topBit << 4)
    )
  }
}
