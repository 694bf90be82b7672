public import Evaluation
public import Faults
public import Models
import Tensors

/// Collects rows for C = E[x xᵀ] and G = E[g gᵀ] of every linear module on the teacher, with labels drawn from the
/// teacher's own predictions (METHOD §3: a true Fisher, not the empirical one).
public enum Calibration {
  /// Examples of a batch, whose labels are drawn in turn and whose tokens share rows.
  ///
  /// It goes through the model in parts: what a pass keeps is of some 128 tokens and not of all.
  private static let batchSize = 16

  /// Curvature of `teacher` over `examples`; `seed` draws the labels, and the signs of tokens that share a row.
  ///
  /// Batches and rows are a function of the examples and the seed alone: the same bits for any number of threads.
  ///
  /// - Parameters:
  ///   - directory: Where the rows lie while they are in use.
  ///   - begin: Is told the bytes that the rows will take on disk, before any work.
  ///   - memory: Bytes for activations, beside the weights. Where they do not hold all of a batch on every thread, blocks
  ///     are run again in the backward pass, with the same results.
  /// - Throws: what `begin` throws; 71 `MEM-BUDGET` where they do not even hold that; 73 or 75 where there is no room for them; `RUN-STOPPED` where the process is interrupted.
  public static func curvature(
    of teacher: DecoderPool, examples: [TokenizedExample], seed: UInt64, scratch directory: String,
    memory: Int? = nil, rowLimit: Int = CurvatureCollector.rowLimit,
    begin: (Int) throws(Fault) -> Void = { (_) throws(Fault) in },
    progress: @escaping (Int, Int) -> Void = { _, _ in }
  ) throws(Fault) -> CurvatureRows {
    let batches = stride(from: 0, to: examples.count, by: batchSize).map {
      $0..<min($0 + batchSize, examples.count)
    }
    let batchTokens = batches.map { examples[$0].reduce(0) { $0 + $1.tokenCount } }
    let parts = batches.map { examples.microBatches(Array($0)) }
    let collector = try CurvatureCollector(
      teacher.weights.configuration,
      batches: batchTokens, seed: seed, scratch: directory, rowLimit: rowLimit)
    try begin(collector.byteCount)
    let mostTokens = examples.mostTokens(batches.map { Array($0) })
    let teacher = try fitting(
      teacher, tokens: mostTokens,
      waiting: parts.contains { $0.count > 1 } ? collector.waitingByteCount : 0, memory: memory)
    teacher.expect(tokens: mostTokens)
    let done = ProgressCounter { progress($0, examples.count) }
    let groups = batches.indices.map { number in
      DecoderPool.Group(
        parts[number].map { TokenBatch(examples: $0.map { examples[$0] }) },
        state: SeededGenerator(
          seed: seed, stream: 0x6669_7368_6572 + UInt64(batches[number].lowerBound)),
        curvature: collector.accumulator(batch: number))
    }
    _ = try teacher.gradients(groups) { (generator, _, _, decoder, hidden) throws(Fault) in
      decoder.head.sampledGradient(hidden, generator: &generator)
    } done: { number, part in
      done.add(parts[number][part].count)
    }
    try Interruption.check()
    return collector.rows
  }

  /// `teacher` with buffers that go with it, and smaller ones where `memory` does not hold passes of up to `tokens` beside
  /// `waiting` bytes of sums.
  private static func fitting(
    _ teacher: DecoderPool, tokens: Int, waiting: Int, memory: Int?
  ) throws(Fault) -> DecoderPool {
    func need(_ recomputes: Bool) -> Int {
      teacher.threads
        * (waiting + Decoder.byteCount(of: teacher.weights, tokens: tokens, recomputes: recomputes))
    }
    // Blocks that are decoded for it have passes that fit themselves to what there is.
    guard let memory, teacher.holdsWeights, need(false) > memory else {
      return teacher.forOnePass(recomputes: false)
    }
    guard need(true) <= memory else {
      throw Fault(
        .resources, "MEM-BUDGET",
        "calibration needs \(need(true)) bytes beside the weights on \(teacher.threads) threads, "
          + "\(max(memory, 0)) of the budget are left; give more --memory, fewer --threads, or "
          + "--method projected without --calibrate")
    }
    return teacher.forOnePass(recomputes: true)
  }
}
