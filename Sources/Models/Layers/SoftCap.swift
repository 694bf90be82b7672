import Foundation

/// Soft caps: `y = c·tanh(x/c)`, of which `dy/dx = 1 − (y/c)²` (Gemma 2).
enum SoftCap {
  /// Caps `count` values in place.
  static func forward(_ x: UnsafeMutablePointer<Float>, count: Int, cap: Float) {
    for index in 0..<count { x[index] = cap * tanh(x[index] / cap) }
  }

  /// Multiplies `gradient` by the slope at the capped values `y`.
  static func backward(
    _ y: UnsafePointer<Float>, count: Int, cap: Float,
    gradient: UnsafeMutablePointer<Float>
  ) {
    for index in 0..<count {
      let share = y[index] / cap
      gradient[index] *= 1 - share * share
    }
  }
}
