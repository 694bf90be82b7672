#if canImport(Glibc)
  import Glibc
#endif

/// A specified pseudo-random stream, the same on every platform: SplitMix64.
///
/// Used wherever a file or a result depends on "random" numbers: the Gaussian matrix Ω of canonical
/// coordinates, probe vectors, data order, sampling (`formats/loraxs.md` §6). Source: Steele, Lea,
/// Flood, "Fast splittable pseudorandom number generators", 2014.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// A stream for `seed`; `stream` separates uses of one seed from one another.
  public init(seed: UInt64, stream: UInt64 = 0) {
    state = seed
    if stream != 0 {
      state = next() ^ (stream &* 0x9e37_79b9_7f4a_7c15)
    }
  }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// Uniform in [0, 1) with 53 bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Uniform in `0..<bound` (Lemire's multiply-shift without rejection; bias below 2⁻³² for our sizes).
  public mutating func index(below bound: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// `count` standard normal numbers (Box–Muller, cosine branch then sine branch).
  public mutating func normals(_ count: Int) -> [Double] {
    var result: [Double] = []
    result.reserveCapacity(count + 1)
    while result.count < count {
      let radius = (-2 * log(1 - uniform())).squareRoot()
      let angle = 2 * Double.pi * uniform()
      result.append(radius * cos(angle))
      result.append(radius * sin(angle))
    }
    return Array(result.prefix(count))
  }

  /// A permutation of `0..<count` (Fisher–Yates).
  public mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(last, index(below: last + 1))
    }
    return order
  }
}
