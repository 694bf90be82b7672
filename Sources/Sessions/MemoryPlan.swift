import Checkpoints
package import Faults
import Models

/// How a process divides what it may take (`--memory`), by arithmetic.
///
/// What counts is its peak without the pages of files. Where the blocks of the base do not fit with all that steps lay out, they
/// stay on disk, and what is left goes to activations.
package struct MemoryPlan {
  /// What a job is known to need before it runs.
  package struct Demand: Sendable, Hashable {
    /// Numbers of the adapter's factors.
    package var factors = 0
    /// Whether the model runs at all.
    package var runsModel = false
    /// Whether steps multiply in bfloat16.
    package var roundsProducts = false
    /// What goes through a block at once on one thread, where nothing comes back.
    var forward = Part()
    /// What goes through a block at once on one thread and comes back.
    var recorded = Part()
    /// Bytes of a teacher's states.
    var stateBytes = 0
    /// Tokens whose keys and values are kept on one thread while answers are written.
    var cachedTokens = 0
    /// Bytes of the files of images, each once, by what identifies their numbers.
    var images: [[UInt8]: Int] = [:]
    /// Tokens whose gradients go back together at least.
    var togetherTokens = 0

    /// A job of which nothing is known yet.
    package init() {}

    /// Sequences of one pass.
    struct Part: Sendable, Hashable {
      /// Tokens.
      private(set) var tokens = 0
      /// Squares of the lengths of its sequences, summed.
      private(set) var squares = 0

      /// What no memory holds: products of these with a model's numbers do not overflow.
      private static let (mostTokens, mostSquares) = (1 << 32, 1 << 36)

      init() {}

      /// Sequences of `length` tokens at most, `tokens` in all.
      init(tokens: Int, longest length: Int) {
        let (squares, overflows) = tokens.multipliedReportingOverflow(by: length)
        self.init(tokens: tokens, squares: overflows ? .max : squares)
      }

      init(tokens: Int, squares: Int) {
        self.tokens = min(tokens, Part.mostTokens)
        self.squares = min(squares, Part.mostSquares)
      }

      func union(_ other: Part) -> Part {
        Part(tokens: max(tokens, other.tokens), squares: max(squares, other.squares))
      }
    }

    /// Bytes that images take: all numbers, and the largest file once more as it is read.
    package var imageBytes: Int { images.values.reduce(0, +) + (images.values.max() ?? 0) }

    /// What both need.
    package func union(_ other: Demand) -> Demand {
      var both = self
      both.factors = max(factors, other.factors)
      both.runsModel = runsModel || other.runsModel
      both.roundsProducts = roundsProducts || other.roundsProducts
      both.forward = forward.union(other.forward)
      both.recorded = recorded.union(other.recorded)
      both.stateBytes = max(stateBytes, other.stateBytes)
      both.cachedTokens = max(cachedTokens, other.cachedTokens)
      both.images.merge(other.images) { $1 }
      both.togetherTokens = max(togetherTokens, other.togetherTokens)
      return both
    }
  }

  /// What there is.
  let budget: Int
  let base: BaseCheckpoint
  let threads: Int
  let demand: Demand

  /// The program, its tables and a tokenizer.
  private static let program = 64 << 20
  /// Stack, arena and small buffers.
  private static let thread = 24 << 20
  /// Bytes of a number of a factor as it is read and in both layouts.
  private static let factorBytes = 12
  /// Positions whose logits exist at once, and how many times: the student's, the teacher's and slopes.
  private static let logitRows = 3 * 64
  /// Bytes a number of a weight that is decomposed, of which leading directions alone where it is large: measured with 256
  /// directions at 2048×5632 (39) and 4096×11008 (43).
  private static let decompositionBytes = 43
  private static let decompositionSide = 1024

  private var configuration: DecoderConfiguration { base.configuration }
  private var float: Int { MemoryLayout<Float>.size }

  private var others: Int {
    MemoryPlan.program + threads * MemoryPlan.thread + demand.factors * MemoryPlan.factorBytes
      + demand.imageBytes + demand.stateBytes
  }

  /// More than there is: sums with it do not overflow.
  private static let endless = 1 << 60

  /// Passes on every thread: activations, attention and logits; where everything is held they keep what goes back.
  private func passing(keepsAll: Bool) -> Int {
    let (forward, recorded) = (demand.forward, demand.recorded)
    let heads = float * (configuration.blocks.map(\.attention.headCount).max() ?? 0)
    let layers = keepsAll ? configuration.layerCount : 1
    let there =
      Decoder.forwardByteCount(of: configuration, tokens: forward.tokens) + heads * forward.squares
      + 2 * float * demand.cachedTokens
      * configuration.blocks.reduce(0) { $0 + $1.attention.keyValueWidth }
    let back =
      Decoder.byteCount(of: configuration, tokens: recorded.tokens, recomputes: !keepsAll)
      + heads * layers * recorded.squares
    let all = max(there, back) + float * MemoryPlan.logitRows * configuration.vocabularySize
    let (sum, overflows) = threads.multipliedReportingOverflow(by: all)
    return overflows ? MemoryPlan.endless : min(sum, MemoryPlan.endless)
  }

  /// The head in bfloat16, beside the values in Float32 that embeddings are read from where the file does not give rows of them.
  private var rounded: Int {
    guard demand.roundsProducts, !DecoderWeights.readsEmbeddings(of: base) else { return 0 }
    return float * configuration.vocabularySize * configuration.hiddenSize
  }

  /// With the blocks held in both orders.
  package var held: Int {
    others + passing(keepsAll: true) + rounded + 2 * DecoderWeights.byteCount(held: base)
  }

  /// With blocks on disk, but for what activations may take.
  var streamed: Int {
    others + passing(keepsAll: false) + rounded + DecoderWeights.byteCount(streaming: base)
      + float * DecoderPool.windowTokens * configuration.hiddenSize
  }

  /// What is left for activations where blocks are on disk.
  package var passes: Int { budget - streamed }

  /// The least that activations take there: what enters each block.
  var leastPasses: Int {
    float * demand.togetherTokens * (configuration.layerCount + 1) * configuration.hiddenSize
  }

  /// Decompositions of the largest weights on all threads.
  private var decomposition: Int {
    let largest = base.linearModules.map { module in
      let sides = [module.outFeatures, module.inFeatures]
      return min(sides.min() ?? 0, MemoryPlan.decompositionSide) * (sides.max() ?? 0)
    }
    return threads * MemoryPlan.decompositionBytes * (largest.max() ?? 0)
  }

  /// The least budget.
  package var least: Int {
    // Of small models the program is the most, and it is there already.
    let decomposition = decomposition > MemoryPlan.program ? others + decomposition : 0
    return demand.runsModel ? max(decomposition, streamed + leastPasses) : decomposition
  }

  /// Refuses before work.
  ///
  /// - Throws: 71 `MEM-BUDGET` with what would be needed.
  package func check() throws(Fault) {
    guard budget < least else { return }
    throw Fault(
      .resources, "MEM-BUDGET",
      "the work needs about \(least) bytes on \(threads) threads, the budget is \(budget); "
        + "give more --memory or fewer --threads", path: base.path)
  }
}
