public import Evaluation
public import Faults
public import Models
import Tensors

/// Collects C = E[x xᵀ] and G = E[g gᵀ] of every linear module on the teacher, with labels drawn from the
/// teacher's own predictions (METHOD §3: a true Fisher, not the empirical one).
public enum Calibration {
  /// Examples of a batch.
  private static let batchSize = 16

  /// Curvature of `teacher` over `examples`; `seed` draws the labels.
  ///
  /// Batches and the order of sums are a function of the examples alone: the same bits for any number of threads.
  ///
  /// - Parameter memory: Bytes for the sums, of which there is one set whatever the number of threads.
  /// - Throws: 71 `MEM-BUDGET` where it does not hold them; `RUN-STOPPED` where the process is interrupted.
  public static func curvature(
    of teacher: DecoderPool, examples: [TokenizedExample], seed: UInt64, memory: Int? = nil,
    progress: @escaping (Int, Int) -> Void = { _, _ in }
  ) throws(Fault) -> CurvatureSums {
    let configuration = teacher.weights.configuration
    try check(CurvatureSums.byteCount(configuration), fits: memory)
    let batches = stride(from: 0, to: examples.count, by: batchSize).map {
      $0..<min($0 + batchSize, examples.count)
    }
    let done = ProgressCounter { progress($0, examples.count) }
    let collector = CurvatureCollector(configuration)
    _ = try teacher.map(batches.count) { (number, decoder) throws(Fault) in
      do throws(Fault) {
        let batch = batches[number]
        var generator = SeededGenerator(
          seed: seed, stream: 0x6669_7368_6572 + UInt64(batch.lowerBound))
        let hidden = try decoder.forward(
          TokenBatch(examples: batch.map { examples[$0] }), recording: true)
        let gradient = decoder.head.sampledGradient(hidden, generator: &generator)
        _ = try decoder.backward(gradient, curvature: collector.accumulator(batch: number))
        done.add(batch.count)
      } catch {
        // The batches behind it would wait for ever.
        collector.cancel()
        throw error
      }
    }
    try Interruption.check()
    return collector.sums
  }

  private static func check(_ byteCount: Int, fits memory: Int?) throws(Fault) {
    guard let memory, byteCount > memory else { return }
    throw Fault(
      .resources, "MEM-BUDGET",
      "calibration needs \(byteCount) bytes for second moments, \(max(memory, 0)) of the budget are left; "
        + "give more --memory, or --method projected without --calibrate")
  }
}
