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
      let packed = codes(bytes, 2)
      store(d * signedFloats((packed & 15) &- 8), values, 0)
      store(d * signedFloats((packed &>> 4) &- 8), values, 16)
    }
  }

  /// y = d · q + m.
  @Sendable static func q4_1(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 20 * block)
      let values = target.advanced(by: 32 * block)
      let d = scale(bytes, 0)
      let m = scale(bytes, 2)
      let packed = codes(bytes, 4)
      store(d * floats(packed & 15) + m, values, 0)
      store(d * floats(packed &>> 4) + m, values, 16)
    }
  }

  /// y = d · (q − 16); bit i of the word at byte 2 is the fifth bit of element i.
  @Sendable static func q5_0(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 22 * block)
      let values = target.advanced(by: 32 * block)
      let d = scale(bytes, 0)
      let packed = codes(bytes, 6)
      let low = packed & 15 | fifthBits(load16(bytes, 2))
      let high = packed &>> 4 | fifthBits(load16(bytes, 4))
      store(d * signedFloats(low &- 16), values, 0)
      store(d * signedFloats(high &- 16), values, 16)
    }
  }

  /// y = d · q + m.
  @Sendable static func q5_1(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 24 * block)
      let values = target.advanced(by: 32 * block)
      let d = scale(bytes, 0)
      let m = scale(bytes, 2)
      let packed = codes(bytes, 8)
      let low = packed & 15 | fifthBits(load16(bytes, 4))
      let high = packed &>> 4 | fifthBits(load16(bytes, 6))
      store(d * floats(low) + m, values, 0)
      store(d * floats(high) + m, values, 16)
    }
  }

  /// y = d · q with q signed.
  @Sendable static func q8_0(_ source: Source, _ target: Target, _ blocks: Int) {
    for block in 0..<blocks {
      let bytes = source.advanced(by: 34 * block)
      let values = target.advanced(by: 32 * block)
      let d = scale(bytes, 0)
      store(d * signedFloats(codes(bytes, 2)), values, 0)
      store(d * signedFloats(codes(bytes, 18)), values, 16)
    }
  }
}
