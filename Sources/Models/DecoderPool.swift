import Checkpoints
public import Faults
public import LinearAlgebra
import Synchronization
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
  private let maker: DecoderMaker
  private let decoders: Lender<Decoder>
  private let expectedTokens = Mutex(0)

  /// The arithmetic of its decoders.
  var precision: ProductPrecision { maker.precision }
  /// Whether its passes find the blocks in memory.
  public var holdsWeights: Bool { weights.holds(precision) }
  /// Whether its decoders run blocks again on the way back.
  var recomputes: Bool { maker.recomputes }

  /// A pool for `threads` threads; the decoders share `updates`' cores.
  public convenience init(
    weights: DecoderWeights, updates: UpdateSet? = nil, threads: Int,
    precision: ProductPrecision = .float32, recomputes: Bool = false
  ) {
    self.init(
      DecoderMaker(
        weights: weights, updates: updates, threads: max(threads, 1), precision: precision,
        recomputes: recomputes))
  }

  private init(_ maker: DecoderMaker) {
    self.maker = maker
    weights = maker.weights
    threads = maker.threads
    decoders = Lender { maker.decoder() }
  }

  /// The same with decoders of its own, whose buffers go with it, for one backward pass of each of many batches: weights are
  /// not laid out for it.
  ///
  /// - Parameter recomputes: Whether blocks are computed again in the backward pass instead of keeping their activations.
  public func forOnePass(recomputes: Bool) -> DecoderPool {
    var maker = maker
    maker.recomputes = recomputes
    maker.keepsBackward = false
    return DecoderPool(maker)
  }

  /// The same with decoders that multiply in `precision`; itself where it does.
  public func multiplying(in precision: ProductPrecision) -> DecoderPool {
    guard precision != self.precision else { return self }
    var maker = maker
    maker.precision = precision
    return DecoderPool(maker)
  }

  /// Makes room for recorded batches of up to `count` tokens at once, instead of for more and more; larger ones may come too.
  public func expect(tokens count: Int) { expectedTokens.withLock { $0 = count } }

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
      try decoders.lend { (decoder) throws(Fault) in
        decoder.tape.expectedTokens = expectedTokens.withLock { $0 }
        return try body(index, decoder)
      }
    }
  }

  /// Runs `body` with one of its decoders.
  func lend<Result>(_ body: (Decoder) -> Result) -> Result { decoders.lend(body) }

  /// Lets go of the buffers of its decoders, which are made again by the next pass.
  public func dropBuffers() { decoders.dropFree() }

  // MARK: - Forward passes of many batches

  /// Tokens that go through a block together where blocks are decoded for it: decoding one takes some hundredths of that.
  package static let windowTokens = 8192

  /// Runs every batch through the model and `body` on its final-normed hidden states at the loss positions, `[P, d]`; results
  /// in index order.
  ///
  /// Where the blocks are not held in the pool's precision, as many batches as ``windows(of:)`` says go through each of them
  /// before the next is decoded, and the decoders' buffers go afterwards, as does a head that was read for them. The results are
  /// the same.
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
    defer {
      dropBuffers()
      weights.releaseHead(after: precision)
    }
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
    let passing = try map(batches.count) { (index, decoder) throws(Fault) in
      try decoder.enter(batches[index])
    }
    try forward(passing)
    return try map(passing.count) { $1.leave(passing[$0]) }
  }

  /// Takes batches through all blocks, one block after another.
  func forward(_ passing: [PassingBatch]) throws(Fault) {
    for index in 0..<weights.configuration.layerCount {
      try withBlock(index, [.forward]) { (block) throws(Fault) in
        _ = try map(passing.count) { (batch, decoder) throws(Fault) in
          try decoder.take(passing[batch], through: index, block)
        }
      }
    }
  }

  /// Runs `body` with a block that all threads decode together, and which is let go of before the next.
  func withBlock(
    _ index: Int, _ orders: Set<FrozenMatrix.Order>,
    _ body: (LayerWeights) throws(Fault) -> Void
  ) throws(Fault) {
    // All threads come for the block, and share its decoding.
    let parts = weights.shapes[index].products.count
    let blocks = try parallelMap(min(threads, parts), threads: threads) {
      (_) throws(Fault) in try weights.layer(index, orders, precision)
    }
    weights.forgetBlock()
    try body(blocks[0])
    decoders.lend { decoder in
      for update in decoder.updates.updates(of: index) { update.dropFloats() }
    }
  }
}

/// What decoders of a pool have in common.
///
/// `@unchecked Sendable`: the updates are shared by all decoders, and changed between passes alone.
private struct DecoderMaker: @unchecked Sendable {
  let weights: DecoderWeights
  let updates: UpdateSet?
  let threads: Int
  var precision: ProductPrecision
  var recomputes: Bool
  var keepsBackward = true

  func decoder() -> Decoder {
    Decoder(
      weights: weights, updates: updates, threads: threads, precision: precision,
      recomputes: recomputes, keepsBackward: keepsBackward)
  }
}
