import Dispatch
public import Faults
public import LinearAlgebra

/// Identical decoders over the same weights and updates, one a thread, each with one BLAS thread.
///
/// A batch is split by sequences: threads meet once a batch instead of once a product, which is quicker where
/// products are small and far quicker where other work shares the cores. Results are kept by index and the
/// decoders are alike, so they do not depend on which thread ran what.
public final class DecoderPool {
  /// The decoders; they share `updates`' cores.
  public let decoders: [Decoder]
  /// The frozen weights.
  public let weights: DecoderWeights

  /// A pool of `threads` decoders.
  public init(
    weights: DecoderWeights, updates: UpdateSet? = nil, threads: Int,
    precision: ProductPrecision = .float32, recomputes: Bool = false
  ) {
    self.weights = weights
    decoders = (0..<max(threads, 1)).map { _ in
      Decoder(
        weights: weights, updates: updates, threads: 1, precision: precision,
        recomputes: recomputes)
    }
  }

  /// The same decoders, computing blocks again in the backward pass instead of keeping their activations.
  public func recomputing() -> DecoderPool {
    DecoderPool(
      weights: weights, updates: decoders.first?.updates, threads: threads,
      precision: decoders.first?.precision ?? .float32, recomputes: true)
  }

  /// Number of decoders.
  public var threads: Int { decoders.count }

  /// Runs `body` for every index in `0..<count` on some decoder; results in index order.
  ///
  /// `body` may use its decoder and anything that belongs to its index alone.
  ///
  /// - Throws: what `body` throws, of several faults the one with the lowest index; `RUN-STOPPED` where the
  ///   process is interrupted, noticed before every index.
  public func map<Result>(
    _ count: Int, _ body: @escaping (_ index: Int, _ decoder: Decoder) throws(Fault) -> Result
  ) throws(Fault) -> [Result] {
    BLASThreads.beginSingle()
    defer { BLASThreads.endSingle() }
    guard decoders.count > 1, count > 1 else {
      return try (0..<count).map { (index) throws(Fault) in
        try Interruption.check()
        return try body(index, decoders[0])
      }
    }
    let results = ResultSlots<Swift.Result<Result, Fault>>(count: count)
    let work = Shared(body)
    let workers = Shared(decoders)
    DispatchQueue.concurrentPerform(iterations: min(decoders.count, count)) { worker in
      let decoder = workers.pointer[worker]
      while let index = results.take() {
        do throws(Fault) {
          try Interruption.check()
          results.set(index, .success(try work.pointer(index, decoder)))
        } catch {
          results.set(index, .failure(error))
        }
      }
    }
    return try results.values.map { (value) throws(Fault) in try value.get() }
  }
}
