public import Evaluation
public import Models
import Tensors

/// Collects C = E[x xᵀ] and G = E[g gᵀ] of every linear module on the teacher, with labels drawn from the
/// teacher's own predictions (METHOD §3: a true Fisher, not the empirical one).
public enum Calibration {
  /// Curvature of `teacher` over `examples`; `seed` draws the labels.
  public static func curvature(
    of teacher: Decoder, examples: [TokenizedExample], seed: UInt64,
    progress: (Int, Int) -> Void = { _, _ in }
  ) -> CurvatureAccumulator {
    let accumulator = CurvatureAccumulator()
    let head = OutputHead(weights: teacher.weights, threads: teacher.threads)
    var generator = SeededGenerator(seed: seed, stream: 0x6669_7368_6572)
    for start in stride(from: 0, to: examples.count, by: 16) {
      let group = Array(examples[start..<min(start + 16, examples.count)])
      let batch = TokenBatch(examples: group)
      let hidden = teacher.forward(batch, recording: true)
      let gradient = head.sampledGradient(hidden, generator: &generator)
      _ = teacher.backward(gradient, curvature: accumulator)
      progress(min(start + 16, examples.count), examples.count)
    }
    return accumulator
  }
}
