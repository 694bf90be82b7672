internal import Faults

/// Refuses values that are not finite, in the pass that reads them.
enum FiniteCheck {
  /// Checks `count` values, the first of which is element `firstIndex` of its tensor.
  ///
  /// - Throws: 65 `VAL-NAN` with the index and value of the first that is NaN or infinite.
  static func check(
    _ values: UnsafePointer<Float>, count: Int, firstIndex: Int
  ) throws(Fault) {
    if areFinite(values, count: count) { return }
    for index in 0..<count where !values[index].isFinite {
      throw Fault(
        .badData, "VAL-NAN", "element \(firstIndex + index) decodes to \(values[index])")
    }
  }

  /// Whether none of `count` values is NaN or infinite.
  static func areFinite(_ values: UnsafePointer<Float>, count: Int) -> Bool {
    // Adding one to a full exponent carries into the sign place, so one bit of the union tells
    // whether any value is not finite. This form vectorises; a test per value does not.
    var union: UInt32 = 0
    for index in 0..<count {
      union |= (values[index].bitPattern & 0x7fff_ffff) &+ 0x0080_0000
    }
    return union >> 31 == 0
  }
}
