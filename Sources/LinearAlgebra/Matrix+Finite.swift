public import Tensors

extension Matrix where Scalar == Float {
  /// The largest magnitude of an element; NaN or infinity where one is.
  public var largestMagnitude: Float {
    // Magnitudes are ordered as their bits are; those of infinity and NaN are the largest of all.
    var largest: Int32 = 0
    for element in elements {
      largest = max(largest, Int32(bitPattern: element.bitPattern & 0x7fff_ffff))
    }
    return Float(bitPattern: UInt32(bitPattern: largest))
  }
}
