public import Evaluation
public import Faults
public import Models
import Tensors

/// Collects C = E[x xᵀ] and G = E[g gᵀ] of every linear module on the teacher, with labels drawn from the
/// teacher's own predictions (METHOD §3: a true Fisher, not the empirical one).
public enum Calibration {
  /// Curvature of `teacher` over `examples`; `seed` draws the labels.
  ///
  /// - Parameter memory: Bytes for the sums; where it does not hold a set for every thread, fewer threads share the
  ///   examples, and sums differ by rounding as they do between numbers of threads.
  /// - Throws: 71 `MEM-BUDGET` where it does not hold one; `RUN-STOPPED` where the process is interrupted.
  public static func curvature(
    of teacher: DecoderPool, examples: [TokenizedExample], seed: UInt64, memory: Int? = nil,
    progress: @escaping (Int, Int) -> Void = { _, _ in }
  ) throws(Fault) -> CurvatureSums {
    // One accumulator a share of the examples, not a thread's: which thread ran a share must not matter.
    let shares = examples.groups(
      Array(examples.indices), count: try shareCount(teacher, memory: memory))
    let done = ProgressCounter { progress($0, examples.count) }
    var sums = try teacher.map(shares.count) {
      (share, decoder) throws(Fault) -> CurvatureSums in
      let accumulator = CurvatureAccumulator()
      for start in stride(from: 0, to: shares[share].count, by: 16) {
        try Interruption.check()
        let group = shares[share][start..<min(start + 16, shares[share].count)]
        var generator = SeededGenerator(seed: seed, stream: 0x6669_7368_6572 + UInt64(group[start]))
        let hidden = try decoder.forward(
          TokenBatch(examples: group.map { examples[$0] }), recording: true)
        let gradient = decoder.head.sampledGradient(hidden, generator: &generator)
        _ = try decoder.backward(gradient, curvature: accumulator)
        done.add(group.count)
      }
      return accumulator.sums
    }
    var whole = CurvatureSums()
    // Each is let go of before the next is added.
    sums.reverse()
    while let next = sums.popLast() { whole.add(next) }
    return whole
  }

  /// How many sets of sums there is room for, at most one a thread.
  private static func shareCount(_ teacher: DecoderPool, memory: Int?) throws(Fault) -> Int {
    guard let memory else { return teacher.threads }
    let byteCount = CurvatureSums.byteCount(teacher.weights.configuration)
    guard byteCount <= memory else {
      throw Fault(
        .resources, "MEM-BUDGET",
        "calibration needs \(byteCount) bytes for second moments, \(max(memory, 0)) of the budget are left; "
          + "give more --memory, or --method projected without --calibrate")
    }
    return min(teacher.threads, memory / max(byteCount, 1))
  }
}
