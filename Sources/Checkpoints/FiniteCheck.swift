internal import CKernels
internal import Faults

/// The search for values that are not finite, in the pass that reads them.
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

  /// The index of the first NaN or infinity; nil where all are finite.
  static func firstNonFinite(_ values: [Float]) -> Int? {
    values.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return nil }
      return areFinite(start, count: buffer.count) ? nil : buffer.firstIndex { !$0.isFinite }
    }
  }

  /// Whether none of `count` values is NaN or infinite.
  static func areFinite(_ values: UnsafePointer<Float>, count: Int) -> Bool {
    decode_are_finite(values, count) != 0
  }
}
