internal import Tensors

/// Types whose codes choose rows of a grid: IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S
/// (`formats/gguf.md` §5.6). An octet is eight neighbouring elements.
extension BlockDecoder {
  // MARK: - One bit

  /// y = (d · (2·scale + 1)) · (g ± ⅛), scale and sign for each group of 32.
  @Sendable static func iq1_S(_ source: Source, _ target: Target, _ blocks: Int) {
    Grid.iq1.rows.withUnsafeBufferPointer { rows in
      for block in 0..<blocks {
        let bytes = source.advanced(by: 50 * block)
        let values = target.advanced(by: 256 * block)
        let d = scale(bytes, 0)
        for group in 0..<8 {
          let high = load16(bytes, 34 + 2 * group)
          let factor = d * Float(Int32(high >> 12 & 7) * 2 + 1)
          for octet in 0..<4 {
            let top = Int(high >> UInt16(3 * octet) & 7)
            let row = rows[Int(bytes[2 + 4 * group + octet]) | top << 8]
            shifted(row, high & 0x8000 != 0, factor, values + 32 * group + 8 * octet)
          }
        }
      }
    }
  }

  /// As IQ1_S with a scale for each 16 elements and a sign for each octet; d is spread over the scales.
  @Sendable static func iq1_M(_ source: Source, _ target: Target, _ blocks: Int) {
    Grid.iq1.rows.withUnsafeBufferPointer { rows in
      for block in 0..<blocks {
        let bytes = source.advanced(by: 56 * block)
        let values = target.advanced(by: 256 * block)
        var half: UInt16 = 0
        for index in (0..<4).reversed() { half = half << 4 | load16(bytes, 48 + 2 * index) >> 12 }
        let d = HalfPrecision.float(half: half)
        for pair in 0..<16 {
          let scales = load16(bytes, 48 + 2 * (pair / 4))
          let factor = d * Float(Int32(scales >> UInt16(3 * (pair % 4)) & 7) * 2 + 1)
          for side in 0..<2 {
            let high = bytes[32 + pair] >> UInt8(4 * side)
            let row = rows[Int(bytes[2 * pair + side]) | Int(high & 7) << 8]
            shifted(row, high & 8 != 0, factor, values + 16 * pair + 8 * side)
          }
        }
      }
    }
  }

  // MARK: - Two bits

  /// y = (d · (½ + scale) · ¼) · ±g; a group of 32 has four indices of a byte each and one word of signs
  /// and scale.
  @Sendable static func iq2_XXS(_ source: Source, _ target: Target, _ blocks: Int) {
    Grid.iq2XXS.rows.withUnsafeBufferPointer { rows in
      for block in 0..<blocks {
        let bytes = source.advanced(by: 66 * block)
        let values = target.advanced(by: 256 * block)
        let d = scale(bytes, 0)
        for group in 0..<8 {
          let word = load32(bytes, 6 + 8 * group)
          let factor = d * (0.5 + Float(Int32(word >> 28))) * 0.25
          for octet in 0..<4 {
            let row = rows[Int(bytes[2 + 8 * group + octet])]
            let flips = signs(UInt8(word >> UInt32(7 * octet) & 127))
            signed(row, flips, factor, values + 32 * group + 8 * octet)
          }
        }
      }
    }
  }

  /// As IQ2_XXS with 9 bits of index and 7 of signs for each octet, a scale for each 16 elements.
  @Sendable static func iq2_XS(_ source: Source, _ target: Target, _ blocks: Int) {
    Grid.iq2XS.rows.withUnsafeBufferPointer { rows in
      for block in 0..<blocks {
        let bytes = source.advanced(by: 74 * block)
        let values = target.advanced(by: 256 * block)
        let d = scale(bytes, 0)
        for octet in 0..<32 {
          let code = load16(bytes, 2 + 2 * octet)
          let factor = d * (0.5 + float(nibble(bytes + 66, octet / 2))) * 0.25
          signed(rows[Int(code & 511)], signs(UInt8(code >> 9)), factor, values + 8 * octet)
        }
      }
    }
  }

  /// As IQ2_XS with 10 bits of index and all 8 signs for each octet.
  @Sendable static func iq2_S(_ source: Source, _ target: Target, _ blocks: Int) {
    Grid.iq2S.rows.withUnsafeBufferPointer { rows in
      for block in 0..<blocks {
        let bytes = source.advanced(by: 82 * block)
        let values = target.advanced(by: 256 * block)
        let d = scale(bytes, 0)
        for octet in 0..<32 {
          let top = Int(bytes[66 + octet / 4] >> UInt8(2 * (octet % 4)) & 3)
          let row = rows[Int(bytes[2 + octet]) | top << 8]
          let factor = d * (0.5 + float(nibble(bytes + 74, octet / 2))) * 0.25
          signed(row, bytes[34 + octet], factor, values + 8 * octet)
        }
      }
    }
  }

  // MARK: - Three bits

  /// y = (d · (½ + scale) · ½) · ±g; an octet is two rows of four.
  @Sendable static func iq3_XXS(_ source: Source, _ target: Target, _ blocks: Int) {
    Grid.iq3XXS.rows.withUnsafeBufferPointer { rows in
      for block in 0..<blocks {
        let bytes = source.advanced(by: 98 * block)
        let values = target.advanced(by: 256 * block)
        let d = scale(bytes, 0)
        for group in 0..<8 {
          let word = load32(bytes, 66 + 4 * group)
          let factor = d * (0.5 + Float(Int32(word >> 28))) * 0.5
          for octet in 0..<4 {
            let first = 2 + 8 * group + 2 * octet
            let row = rows[Int(bytes[first])] | rows[Int(bytes[first + 1])] << 32
            let flips = signs(UInt8(word >> UInt32(7 * octet) & 127))
            signed(row, flips, factor, values + 32 * group + 8 * octet)
          }
        }
      }
    }
  }

  /// y = (d · (1 + 2·scale)) · ±g with 9 bits of index, all 8 signs, and a scale for each 32 elements.
  @Sendable static func iq3_S(_ source: Source, _ target: Target, _ blocks: Int) {
    Grid.iq3S.rows.withUnsafeBufferPointer { rows in
      for block in 0..<blocks {
        let bytes = source.advanced(by: 110 * block)
        let values = target.advanced(by: 256 * block)
        let d = scale(bytes, 0)
        for octet in 0..<32 {
          let high = Int(bytes[66 + octet / 4] >> UInt8(2 * (octet % 4)))
          let first = Int(bytes[2 + 2 * octet]) | (high & 1) << 8
          let second = Int(bytes[3 + 2 * octet]) | (high & 2) << 7
          let factor = d * float(1 + 2 * nibble(bytes + 106, octet / 4))
          signed(
            rows[first] | rows[second] << 32, bytes[74 + octet], factor, values + 8 * octet)
        }
      }
    }
  }

  // MARK: - Octets

  /// Nibble `index`, the low one of a byte first.
  @inline(__always)
  private static func nibble(_ bytes: Source, _ index: Int) -> UInt8 {
    bytes[index / 2] >> UInt8(4 * (index % 2)) & 15
  }

  /// Eight signs from seven: the last makes the number of minus signs even.
  @inline(__always)
  private static func signs(_ seven: UInt8) -> UInt8 {
    var parity = seven ^ seven >> 4
    parity ^= parity >> 2
    parity ^= parity >> 1
    return seven | parity << 7
  }

  /// factor · ±g: bit i of `signs` negates element i.
  @inline(__always)
  private static func signed(_ row: UInt64, _ signs: UInt8, _ factor: Float, _ target: Target) {
    let grid = unsafeBitCast(row.littleEndian, to: SIMD8<UInt8>.self)
    for index in 0..<8 {
      let flip = (UInt32(signs) &<< UInt32(31 &- index)) & 0x8000_0000
      target[index] = Float(bitPattern: (factor * float(grid[index])).bitPattern ^ flip)
    }
  }

  /// factor · (g − ⅛) or factor · (g + ⅛).
  @inline(__always)
  private static func shifted(
    _ row: UInt64, _ isMinus: Bool, _ factor: Float, _ target: Target
  ) {
    let grid = unsafeBitCast(row.littleEndian, to: SIMD8<Int8>.self)
    let delta: Float = isMinus ? -0.125 : 0.125
    for index in 0..<8 { target[index] = factor * (Float(Int32(grid[index])) + delta) }
  }
}
