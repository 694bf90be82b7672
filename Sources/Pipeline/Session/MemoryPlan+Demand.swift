import Adapters
import Evaluation
import Faults
import LinearAlgebra
import Recipes
import Tensors
import Training

extension MemoryPlan.Demand {
  /// Examples of a batch that is run in one piece, or whose second moments are summed together.
  private static let batchSize = 16
  /// Tokens of a micro-batch, about.
  private static let microBatchTokens = 128

  /// Tokens of a batch that is measured, about.
  private static let batchTokens = 1024

  /// Takes in forward passes of `examples`, in batches of whole examples.
  mutating func add(forward examples: [TokenizedExample]) {
    let lengths = examples.map(\.tokensOfChoices)
    let all = lengths.reduce(0) { $1.reduce($0, +) }
    let one = lengths.map { $0.reduce(0, +) }.max() ?? 0
    let longest = lengths.flatMap(\.self).max() ?? 0
    let batch = min(all, MemoryPlan.Demand.batchTokens + one)
    forward = forward.union(Part(tokens: batch, squares: batch * longest))
  }

  /// Takes in passes there and back of `examples`; `together` where those of a batch belong together.
  mutating func add(recorded examples: [TokenizedExample], together: Bool) {
    let longest = examples.map(\.tokenCount).max() ?? 0
    let part = MemoryPlan.Demand.microBatchTokens + longest
    recorded = recorded.union(Part(tokens: part, squares: part * longest))
    togetherTokens = max(togetherTokens, part)
    guard together else { return }
    for batch in MemoryPlan.Demand.batches(examples) {
      togetherTokens = max(togetherTokens, batch.reduce(0) { $0 + $1.tokenCount })
    }
  }

  private static func batches(_ examples: [TokenizedExample]) -> [ArraySlice<TokenizedExample>] {
    stride(from: 0, to: examples.count, by: batchSize).map {
      examples[$0..<min($0 + batchSize, examples.count)]
    }
  }
}

extension TokenizedExample {
  /// Tokens fed for each choice, or for the completion.
  fileprivate var tokensOfChoices: [Int] {
    choices.isEmpty ? [tokenCount] : choices.map { prompt.count + max($0.count - 1, 0) }
  }
}

extension JobContext {
  /// Says what is coming before any work is done.
  ///
  /// What the model is to write itself is not known yet.
  ///
  /// - Throws: 71 `MEM-BUDGET` where there is too little memory for it; what reading data throws.
  func announce() throws(Fault) {
    var demand = MemoryPlan.Demand()
    demand.factors = source.updates.reduce(0) {
      $0 + $1.loraA.elements.count + $1.loraB.elements.count
    }
    demand.runsModel =
      request.calibration != nil || request.tuning != nil || request.evaluation != nil
    demand.roundsProducts = request.tuning?.options.precision == .bfloat16
    if session.memory != nil {
      if let file = request.calibration?.file {
        demand.add(recorded: try tokenized(file, role: "calibration"), together: true)
      }
      if let tuning = request.tuning {
        if let file = tuning.data.file {
          demand.add(recorded: try tokenized(file, role: "training"), together: false)
        }
        if case .file(let file) = tuning.validation {
          demand.add(forward: try tokenized(file, role: "validation"))
        }
      }
      if let file = request.evaluation {
        let set = try DataSet(path: file.path, limit: file.limit, skip: file.skip)
        demand.add(forward: try session.tokenized(set))
      }
    }
    try session.expect(demand)
  }
}
