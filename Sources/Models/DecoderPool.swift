public import Faults
public import LinearAlgebra
import Threads

/// Identical decoders over the same weights and updates, as many as are used at once.
///
/// A batch is split by sequences: threads meet once a batch instead of once a product. Those that a batch has no
/// sequences for share the products of the others. Results are kept by index and the decoders are alike, so they do not
/// depend on which thread ran what.
public final class DecoderPool: Sendable {
  /// The frozen weights.
  public let weights: DecoderWeights
  /// How many threads work at once.
  public let threads: Int
  private let decoders: Lender<Decoder>
  /// The same, computing blocks again in the backward pass.
  private let recomputers: Lender<Decoder>

  /// A pool for `threads` threads; the decoders share `updates`' cores.
  public init(
    weights: DecoderWeights, updates: UpdateSet? = nil, threads: Int,
    precision: ProductPrecision = .float32, recomputes: Bool = false
  ) {
    self.weights = weights
    self.threads = max(threads, 1)
    func lender(recomputes: Bool) -> Lender<Decoder> {
      Lender {
        Decoder(
          weights: weights, updates: updates, threads: threads, precision: precision,
          recomputes: recomputes)
      }
    }
    recomputers = lender(recomputes: true)
    decoders = recomputes ? recomputers : lender(recomputes: false)
  }

  private init(_ pool: DecoderPool, recomputes: Bool) {
    weights = pool.weights
    threads = pool.threads
    recomputers = pool.recomputers.another()
    decoders = recomputes ? recomputers : pool.decoders.another()
  }

  /// The same with decoders of its own, whose buffers go with it: for work that needs more memory than what follows.
  ///
  /// - Parameter recomputes: Whether blocks are computed again in the backward pass instead of keeping their activations.
  public func separate(recomputes: Bool) -> DecoderPool {
    DecoderPool(self, recomputes: recomputes)
  }

  /// Runs `body` for every index in `0..<count` on some decoder; results in index order.
  ///
  /// `body` may use its decoder and anything that belongs to its index alone.
  ///
  /// - Throws: what `body` throws, of several faults the one with the lowest index; `RUN-STOPPED` where the
  ///   process is interrupted, noticed before every index.
  public func map<Result: Sendable>(
    _ count: Int, _ body: @Sendable (_ index: Int, _ decoder: Decoder) throws(Fault) -> Result
  ) throws(Fault) -> [Result] {
    try parallelMap(count, threads: threads) { (index) throws(Fault) in
      try decoders.lend { (decoder) throws(Fault) in try body(index, decoder) }
    }
  }
}
