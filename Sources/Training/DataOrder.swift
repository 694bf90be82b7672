import Tensors

/// Which examples a step sees: every epoch is a permutation of its own, drawn from the seed, so that any step's
/// examples are known without running the steps before it.
struct DataOrder {
  private let count: Int
  private let batchSize: Int
  private let seed: UInt64
  private var epoch = -1
  private var permutation: [Int] = []

  init(count: Int, batchSize: Int, seed: UInt64) {
    self.count = count
    self.batchSize = batchSize
    self.seed = seed
  }

  /// The order of the first epoch, whose runs of `batchSize` are the first steps' batches.
  var firstEpoch: [Int] {
    var generator = SeededGenerator(seed: seed, stream: 1)
    return generator.permutation(count)
  }

  /// The batches of the first `steps` steps, as far as they are of the first epoch.
  func firstBatches(_ steps: Int) -> [[Int]] {
    let order = firstEpoch
    return stride(from: 0, to: order.count, by: batchSize).prefix(steps).map {
      Array(order[$0..<min($0 + batchSize, order.count)])
    }
  }

  /// The examples of step `step`, `batchSize` of them (with repeats if there are fewer examples).
  mutating func indices(step: Int) -> [Int] {
    (step * batchSize..<(step + 1) * batchSize).map { position in
      if position / count != epoch {
        epoch = position / count
        var generator = SeededGenerator(seed: seed, stream: UInt64(epoch + 1))
        permutation = generator.permutation(count)
      }
      return permutation[position % count]
    }
  }
}
