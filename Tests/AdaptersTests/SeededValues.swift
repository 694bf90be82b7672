import Tensors

/// Values that Python draws alike (`golden/tools/configs_peft.py`, `values`).
enum SeededValues {
  /// `offset + scale·(u − ½)` of uniforms; exact, because `scale` is a power of two.
  ///
  /// Weights of norms and magnitudes of DoRA lie around one, all others around zero.
  static func draw(seed: UInt64, stream: UInt64, shape: [Int], name: String) -> [Float] {
    var generator = SeededGenerator(seed: seed, stream: stream)
    let offset: Double = name.contains("magnitude") || name.contains("norm") ? 1 : 0
    return (0..<shape.reduce(1, *)).map { _ in Float(offset + 0.25 * (generator.uniform() - 0.5)) }
  }
}
