import Artifacts
import Checkpoints
import Faults
import Tensors
import Training

/// Ways to train vectors from nothing.
enum VectorMethod {
  case lora, vera

  var title: String {
    switch self {
    case .lora: "LoRA"
    case .vera: "VeRA"
    }
  }

  /// The rate about which a run's own is looked for.
  ///
  /// In the middle of what papers and recipes use: LoRA 2e-4 to 5e-3, VeRA ten times that (arXiv 2310.11454, appendix A).
  var startingRate: Double {
    switch self {
    case .lora: 2e-3
    case .vera: 2e-2
    }
  }

  /// The least rank: one pair of LoRA; of VeRA, whose rank costs one number, what its paper has on GLUE, where modules are as wide.
  func leastRank(_ modules: [LinearModule]) -> Int {
    switch self {
    case .lora: 1
    case .vera: min(256, modules.map { min($0.outFeatures, $0.inFeatures) }.min() ?? 1)
    }
  }

  /// Ranks beyond are not tried: more of VeRA's train hardly more numbers, and a step costs by its rank.
  func mostRank(_ modules: [LinearModule]) -> Int {
    switch self {
    case .lora: 1024
    case .vera: leastRank(modules)
    }
  }

  func start(_ modules: [LinearModule], rank: Int, seed: UInt64) -> (
    form: FactorTraining.Form, values: [Matrix<Float>]
  ) {
    switch self {
    case .lora: FactorTraining.lora(modules, rank: rank, seed: seed)
    case .vera: FactorTraining.vera(modules, rank: rank, seed: seed)
    }
  }
}

/// Which modules get vectors, how many, and how they are stored, so that they fill bytes.
///
/// Of the least rank in as many modules as there is room for, spread evenly over the model; where all have one, in all of them, and LoRA of
/// a larger rank.
struct VectorPlan {
  let method: VectorMethod
  let storage: LatentStorage
  let modules: [LinearModule]
  let rank: Int
  private let seed: UInt64

  private init(
    _ method: VectorMethod, _ storage: LatentStorage, modules: [LinearModule], rank: Int,
    seed: UInt64
  ) {
    (self.method, self.storage, self.seed) = (method, storage, seed)
    (self.modules, self.rank) = (modules, rank)
  }

  /// The plan that fills `bytes`, by normal numbers in the place of trained ones; nil where not even one module has room.
  init?(
    _ method: VectorMethod, _ storage: LatentStorage, of all: [LinearModule], within bytes: Int,
    seed: UInt64
  ) throws(Fault) {
    func plan(_ count: Int, _ rank: Int) -> VectorPlan {
      VectorPlan(
        method, storage, modules: (0..<count).map { all[$0 * all.count / count] }, rank: rank,
        seed: seed)
    }
    let least = method.leastRank(all)
    let count = try VectorPlan.largest(in: 0...all.count) { (count) throws(Fault) in
      try plan(count, least).draftByteCount() <= bytes
    }
    guard count > 0 else { return nil }
    guard count == all.count else {
      self = plan(count, least)
      return
    }
    let rank = try VectorPlan.largest(in: least...method.mostRank(all)) {
      (rank) throws(Fault) in try plan(count, rank).draftByteCount() <= bytes
    }
    self = plan(count, rank)
  }

  /// What is trained.
  var training: FactorTraining {
    let (form, values) = method.start(modules, rank: rank, seed: seed)
    let storage = self.storage
    return FactorTraining(form, values: values, modules: modules) { (numbers) throws(Fault) in
      try StoredLatent(numbers, storage: storage).matrix
    }
  }

  /// `numbers` as they are stored, as finely as `bytes` allow.
  func stored(_ numbers: [Matrix<Float>], within bytes: Int) throws(Fault) -> [StoredLatent] {
    func stored(_ level: Int) throws(Fault) -> [StoredLatent] {
      let coarsening = Coarsening(level: level, moduleCount: numbers.count)
      return try numbers.indices.map { (index) throws(Fault) in
        try StoredLatent(numbers[index], storage: storage, coarsening: coarsening[index])
      }
    }
    func fits(_ level: Int) throws(Fault) -> Bool {
      try StoredLatent.compressedByteCount(of: stored(level)) <= bytes
    }
    guard try !fits(0) else { return try stored(0) }
    let most = Coarsening.mostEighths * numbers.count
    return try stored(
      1
        + VectorPlan.largest(in: 0...most - 1) { (level) throws(Fault) in try !fits(level) })
  }

  /// What normal numbers of this shape take.
  private func draftByteCount() throws(Fault) -> Int {
    var generator = SeededGenerator(seed: seed)
    let values = method.shapes(modules, rank: rank)
    return try StoredLatent.compressedByteCount(
      of: values.map { (shape) throws(Fault) in
        try StoredLatent(
          Matrix(
            rows: shape.rows, columns: shape.columns,
            elements: generator.normals(shape.rows * shape.columns).map { Float($0) }),
          storage: storage)
      })
  }

  /// The largest number of `range` that passes, of which the first does and each does as long as smaller ones do.
  ///
  /// In steps that double, so that nothing is tried of more than about twice the size.
  private static func largest(
    in range: ClosedRange<Int>, _ passes: (Int) throws(Fault) -> Bool
  ) throws(Fault) -> Int {
    var (low, high, step) = (range.lowerBound, range.upperBound + 1, 1)
    while low + step < high {
      guard try passes(low + step) else {
        high = low + step
        break
      }
      (low, step) = (low + step, 2 * step)
    }
    while high - low > 1 {
      let middle = (low + high) / 2
      if try passes(middle) { low = middle } else { high = middle }
    }
    return low
  }
}

extension VectorMethod {
  /// The shapes of the numbers, two a module.
  fileprivate func shapes(
    _ modules: [LinearModule], rank: Int
  ) -> [(rows: Int, columns: Int)] {
    modules.flatMap { module in
      switch self {
      case .lora: [(module.outFeatures, rank), (module.inFeatures, rank)]
      case .vera: [(module.outFeatures, 1), (rank, 1)]
      }
    }
  }
}
