public import Tensors

extension Matrix where Scalar == Float {
  /// Whether no element is NaN or infinite: one pass over the exponents.
  public var isFinite: Bool {
    // The largest magnitude as an integer; those of infinity and NaN are the largest of all.
    var largest: Int32 = 0
    for element in elements {
      largest = max(largest, Int32(bitPattern: element.bitPattern & 0x7fff_ffff))
    }
    return largest < 0x7f80_0000
  }
}
