import Checkpoints
public import Faults
public import LinearAlgebra
public import Tensors
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
  /// The arithmetic of its decoders.
  private let precision: ProductPrecision
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
    self.precision = precision
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
    precision = pool.precision
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

  /// Lets go of the buffers of its decoders, which are made again by the next pass.
  public func dropBuffers() {
    decoders.dropFree()
    recomputers.dropFree()
  }

  // MARK: - Forward passes of many batches

  /// Tokens that go through a block together where blocks are decoded for it: decoding one takes some hundredths of that.
  package static let windowTokens = 8192

  /// Runs every batch through the model and `body` on its final-normed hidden states at the loss positions, `[P, d]`; results
  /// in index order.
  ///
  /// Where the blocks are not held in the pool's precision, as many batches as ``windows(of:)`` says go through each of them
  /// before the next is decoded, and the decoders' buffers go afterwards. The results are the same.
  ///
  /// - Throws: as ``map(_:_:)``, and what reading a block throws.
  public func forward<Result: Sendable>(
    _ batches: [TokenBatch],
    _ body:
      @Sendable (_ index: Int, _ decoder: Decoder, _ hidden: Matrix<Float>) throws(Fault) -> Result
  ) throws(Fault) -> [Result] {
    guard !weights.holds(precision) else {
      return try map(batches.count) { (index, decoder) throws(Fault) in
        try body(index, decoder, try decoder.forward(batches[index]))
      }
    }
    defer { dropBuffers() }
    var results: [Result] = []
    for window in DecoderPool.windows(of: batches) {
      let hidden = try blockByBlock(Array(batches[window]))
      results += try map(window.count) { (index, decoder) throws(Fault) in
        try body(window.lowerBound + index, decoder, hidden[index])
      }
    }
    return results
  }

  /// Runs of batches of ``windowTokens`` at most, or of one batch.
  private static func windows(of batches: [TokenBatch]) -> [Range<Int>] {
    var windows: [Range<Int>] = []
    var tokens = 0
    for (index, batch) in batches.enumerated() {
      tokens += batch.tokens.count
      if let last = windows.last, tokens <= windowTokens {
        windows[windows.count - 1] = last.lowerBound..<index + 1
      } else {
        windows.append(index..<index + 1)
        tokens = batch.tokens.count
      }
    }
    return windows
  }

  private func blockByBlock(_ batches: [TokenBatch]) throws(Fault) -> [Matrix<Float>] {
    let passing = try map(batches.count) { $1.enter(batches[$0]) }
    for index in 0..<weights.configuration.layerCount {
      // All threads come for the block, and share its decoding.
      let blocks = try parallelMap(min(threads, Block.Product.allCases.count), threads: threads) {
        (_) throws(Fault) in try weights.layer(index, [.forward], precision)
      }
      _ = try map(passing.count) { (batch, decoder) throws(Fault) in
        try decoder.take(passing[batch], through: index, blocks[0])
      }
      decoders.lend { decoder in
        for update in decoder.updates.updates(of: index) { update.dropFloats() }
      }
    }
    weights.forgetBlock()
    return try map(passing.count) { $1.leave(passing[$0]) }
  }
}
