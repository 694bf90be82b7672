import Faults
import Tensors

/// Plain little-endian elements as Float32 (`formats/gguf.md` §5.1, `formats/safetensors.md` §6), and the
/// search for values that are not finite.
enum ElementDecoding {
  typealias Source = UnsafePointer<UInt8>
  typealias Target = UnsafeMutablePointer<Float>

  /// Whether a type holds real numbers.
  static func isFloating(_ dtype: DType) -> Bool {
    switch dtype {
    case .f16, .bf16, .f32, .f64: true
    default: false
    }
  }

  /// Decodes `count` elements of a floating type; `source` may be at any address.
  static func decode(_ source: Source, _ dtype: DType, into target: Target, count: Int) {
    switch dtype {
    case .f16: f16(source, target, count)
    case .bf16: bf16(source, target, count)
    case .f64: f64(source, target, count)
    default: f32(source, target, count)
    }
  }

  @Sendable static func f32(_ source: Source, _ target: Target, _ count: Int) {
    for index in 0..<count {
      target[index] = Float(bitPattern: load(source, 4 &* index, UInt32.self))
    }
  }

  /// Half to single without a branch: shift the fields into place and multiply by 2¹¹², which is
  /// exact for normal and subnormal halves; infinities and NaN take the maximum exponent instead.
  @Sendable static func f16(_ source: Source, _ target: Target, _ count: Int) {
    for index in 0..<count {
      let bits = UInt32(load(source, 2 &* index, UInt16.self))
      let magnitude = (bits & 0x7fff) << 13
      let finite = (Float(bitPattern: magnitude) * 0x1p112).bitPattern
      let special = magnitude | 0x7f80_0000
      let value = bits & 0x7c00 == 0x7c00 ? special : finite
      target[index] = Float(bitPattern: value | (bits & 0x8000) << 16)
    }
  }

  @Sendable static func bf16(_ source: Source, _ target: Target, _ count: Int) {
    for index in 0..<count {
      target[index] = Float(bitPattern: UInt32(load(source, 2 &* index, UInt16.self)) << 16)
    }
  }

  /// Double to single, to nearest, ties to even; beyond the range it becomes infinity, which the
  /// caller refuses.
  @Sendable static func f64(_ source: Source, _ target: Target, _ count: Int) {
    for index in 0..<count {
      target[index] = Float(Double(bitPattern: load(source, 8 &* index, UInt64.self)))
    }
  }

  /// A little-endian number at byte `offset`, any alignment.
  @inline(__always)
  static func load<Number: FixedWidthInteger>(
    _ source: Source, _ offset: Int, _ type: Number.Type
  ) -> Number {
    Number(littleEndian: UnsafeRawPointer(source).loadUnaligned(fromByteOffset: offset, as: type))
  }

  /// The index of the first NaN or infinity.
  static func firstNonFinite(_ values: [Float]) -> Int? {
    values.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return nil }
      let areFinite = FiniteCheck.areFinite(start, count: buffer.count)
      return areFinite ? nil : buffer.firstIndex { !$0.isFinite }
    }
  }
}
