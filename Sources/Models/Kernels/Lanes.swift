/// Rows of `width` elements that a thread takes of a kernel at once: fewer cost more to hand out than to compute.
func rowGrain(_ width: Int) -> Int { max(1, 32_768 / max(width, 1)) }

/// Eight Float32 lanes: the width of one AVX register, two SSE registers elsewhere.
typealias Lanes = SIMD8<Float>

extension UnsafePointer where Pointee == Float {
  /// Eight elements from `index` on, unaligned.
  @inline(__always) func lanes(_ index: Int) -> Lanes {
    UnsafeRawPointer(self + index).loadUnaligned(as: Lanes.self)
  }
}

extension UnsafeMutablePointer where Pointee == Float {
  /// Eight elements from `index` on, unaligned.
  @inline(__always) func lanes(_ index: Int) -> Lanes {
    UnsafeRawPointer(self + index).loadUnaligned(as: Lanes.self)
  }

  /// Stores eight elements from `index` on, unaligned.
  @inline(__always) func setLanes(_ index: Int, _ value: Lanes) {
    UnsafeMutableRawPointer(self + index).storeBytes(of: value, as: Lanes.self)
  }
}

extension SIMD8 where Scalar == Float {
  /// The exponential of every lane, relative error below 2·10⁻⁷; results below 10⁻³⁷ become 0.
  ///
  /// x = n·ln 2 + r with |r| ≤ ½ ln 2, a degree-6 polynomial in r, then 2ⁿ through the exponent bits
  /// (Cephes `expf` split of ln 2). Products and sums stay separate: without FMA hardware a fused
  /// operation would be a library call per lane. Adding 1.5·2²³ rounds to an integer and leaves it in the low
  /// bits: the standard library's conversion of a vector to integers is a call per lane.
  @inline(__always) var exponential: Lanes {
    // Not `clamped`: that is a call for either bound.
    let floor = Lanes(repeating: -86)
    let ceiling = Lanes(repeating: 88)
    let raised = replacing(with: floor, where: self .< floor)
    let clamped = raised.replacing(with: ceiling, where: raised .> ceiling)
    let magic: Float = 12_582_912
    let shifted = clamped * 1.442_695_04 + magic
    let n = shifted - magic
    let r = clamped - n * 0.693_359_375 - n * -2.121_944_4e-4
    var p = Lanes(repeating: 1.987_569_15e-4)
    p = p * r + 1.398_199_95e-3
    p = p * r + 8.333_451_9e-3
    p = p * r + 4.166_579_6e-2
    p = p * r + 1.666_666_55e-1
    p = p * r + 5.000_000_1e-1
    p = p * r * r + r + 1
    let integer = unsafeBitCast(shifted, to: SIMD8<UInt32>.self) &- magic.bitPattern
    let scale = unsafeBitCast((integer &+ 127) &<< 23, to: Lanes.self)
    return (p * scale).replacing(with: 0, where: self .< -86)
  }
}

/// Σ over `count` elements of `x·y`, eight partial sums.
@inline(__always)
func dot(_ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int) -> Float {
  var sum = Lanes.zero
  var index = 0
  while index + 8 <= count {
    sum += x.lanes(index) * y.lanes(index)
    index += 8
  }
  var total = sum.sum()
  while index < count {
    total += x[index] * y[index]
    index += 1
  }
  return total
}
