import Faults
import LinearAlgebra
import Tensors

/// Choosing directions of one side while the other is fixed.
///
/// Maximises `tr(T_Iᵀ H_II⁻¹ T_I)` over index sets `I`, with `H = XSXᵀ` the metric in basis
/// coordinates and `T` the weighted targets.
struct SideProblem {
  /// `H`, `[count, count]`.
  private let metric: Matrix<Double>
  /// `X t` for the LoRA's factor `t`, `[count, rank]`.
  let coordinates: Matrix<Double>
  /// `X S t`, `[count, rank]`.
  private let targets: Matrix<Double>
  /// `tᵀ S t`, `[rank, rank]`: what this side would capture with every direction of the space.
  let total: Matrix<Double>

  /// Number of candidate directions.
  var count: Int { metric.rows }

  /// Among more directions one exchange brings too little for the cube of their number that it costs.
  private static let exchangeLimit = 96

  /// `X Rᵀ` and `R t` of the metric's rows; nil under the identity.
  private let images: (directions: Matrix<Float>, targets: ScaledMatrix)?

  /// - Parameter targets: the LoRA's factor, `[features, rank]`.
  init(_ side: WeighedSide, targets: ScaledMatrix) {
    metric = side.gram
    coordinates = targets.image(under: side.rows).inDouble
    let plain = targets.values.exactTimes(targets.values, transposeSelf: true)
      .scaled(by: targets.scale * targets.scale * side.shift)
    guard let samples = side.samples, let directions = side.image else {
      images = nil
      self.targets = coordinates.scaled(by: side.shift)
      total = plain
      return
    }
    let image = targets.image(under: samples)
    images = (directions, image)
    self.targets = image.image(under: directions).inDouble
      .adding(side.shift, times: coordinates)
    total = image.gram.adding(1, times: plain)
  }

  /// `XSXᵀ`, `XSt` and `tᵀSt` of the chosen directions without the ridge, in Float64; nil under the identity.
  func products(_ chosen: [Int]) -> Metric.Products? {
    images.map { images in
      let (x, y) = (images.directions.selectingRows(chosen), images.targets)
      return Metric.Products(
        xx: x.exactTimes(x, transposeOther: true),
        xy: x.exactTimes(y.values).scaled(by: y.scale), yy: y.gram)
    }
  }

  /// `diag(H)` over its mean plus `floor`.
  func relativeDiagonal(floor: Double) -> [Double] {
    let diagonal = (0..<count).map { metric[$0, $0] }
    let mean = diagonal.reduce(0, +) / Double(count)
    return diagonal.map { (mean > 0 ? $0 / mean : 1) + floor }
  }

  /// `T_Iᵀ H_II⁻¹ T_I`, `[rank, rank]`: what the chosen directions capture of this side.
  func captured(_ chosen: [Int]) throws(Fault) -> Matrix<Double> {
    let part = targets.selectingRows(chosen)
    return part.times(
      try Cholesky(block(chosen)).solving(part), transposeSelf: true)
  }

  /// `T·L` for a weight `L Lᵀ` from the other side, `[count, rank]`.
  func weightedTargets(by weight: Matrix<Double>) throws(Fault) -> Matrix<Double> {
    // The weight may be singular: its symmetric square root serves as L.
    let root = try SymmetricEigen(weight).map { max($0, 0).squareRoot() }
    return targets.times(root)
  }

  /// The energy `chosen` captures of `targets`.
  func value(of chosen: [Int], targets: Matrix<Double>) throws(Fault) -> Double {
    let part = targets.selectingRows(chosen)
    return part.innerProduct(try Cholesky(block(chosen)).solving(part))
  }

  /// Greedy from nothing, or exchanges from `start`.
  func choose(
    rank: Int, targets: Matrix<Double>, start: [Int]?, search: DirectionSearch,
    excluding excluded: Set<Int>
  ) throws(Fault) -> [Int] {
    let grown = greedy(rank: rank, targets: targets, excluding: excluded).chosen
    guard search == .exchange, rank <= SideProblem.exchangeLimit else { return grown.sorted() }
    var best = grown
    if let start, try value(of: start, targets: targets) > value(of: grown, targets: targets) {
      best = start
    }
    return try exchange(best, targets: targets, excluding: excluded).sorted()
  }

  /// Directions in the order they were taken, and what each added to the captured energy: of the targets that it was
  /// chosen for, and of every other.
  struct Growth {
    var chosen: [Int] = []
    var gains: [Double] = []
    var gainsBeside: [[Double]]
  }

  /// Adds the direction of largest gain until there are `rank`: pivoted Cholesky whose pivot is the
  /// gain `‖residual target‖² / residual diagonal`.
  ///
  /// - Parameter others: targets, `[count, rank]` each, whose energy is followed without a say in the choice.
  func greedy(
    rank: Int, targets: Matrix<Double>, others: [Matrix<Double>] = [], excluding excluded: Set<Int>
  ) -> Growth {
    let blocks = [targets] + others
    var residual = ColumnVectors(blocks)
    var diagonal = (0..<count).map { metric[$0, $0] }
    let floor = (diagonal.max() ?? 0) * 1e-12
    // The columns of the pivoted Cholesky factor so far.
    var factor = ColumnVectors(length: count, capacity: min(rank, count))
    var growth = Growth(gainsBeside: others.map { _ in [] })
    var isOpen = (0..<count).map { !excluded.contains($0) }
    while growth.chosen.count < rank {
      let squares = residual.squaredSums(first: targets.columns)
      var best = -1
      var bestGain = -1.0
      for index in 0..<count where isOpen[index] {
        let gain = diagonal[index] > floor ? squares[index] / diagonal[index] : 0
        if gain > bestGain { (best, bestGain) = (index, gain) }
      }
      guard best >= 0 else { break }
      isOpen[best] = false
      growth.chosen.append(best)
      growth.gains.append(bestGain)
      let left = residual[best]
      var place = targets.columns
      for (block, other) in others.enumerated() {
        let square = left[place..<place + other.columns].reduce(0) { $0 + $1 * $1 }
        growth.gainsBeside[block].append(diagonal[best] > floor ? square / diagonal[best] : 0)
        place += other.columns
      }
      guard diagonal[best] > floor else { continue }
      let scale = 1 / diagonal[best].squareRoot()
      var pivot = Array(metric.elements[best * count..<(best + 1) * count])
      factor.subtract(factor[best], from: &pivot)
      for index in 0..<count {
        pivot[index] *= scale
        diagonal[index] -= pivot[index] * pivot[index]
      }
      residual.subtract(pivot, times: left.map { $0 * scale })
      factor.append(pivot)
    }
    return growth
  }

  /// Replaces one direction at a time, the least useful first, while the energy grows.
  private func exchange(
    _ start: [Int], targets: Matrix<Double>, excluding excluded: Set<Int>
  ) throws(Fault) -> [Int] {
    var chosen = start
    for _ in 0..<2 * start.count {
      guard let better = try improved(chosen, targets: targets, excluding: excluded) else { break }
      chosen = better
    }
    return chosen
  }

  /// The first improving exchange, trying the least useful directions in turn.
  private func improved(
    _ chosen: [Int], targets: Matrix<Double>, excluding excluded: Set<Int>
  ) throws(Fault) -> [Int]? {
    let exchange = try Exchange(
      chosen, metric: metric, block: block(chosen), targets: targets)
    let order = chosen.indices.sorted { (exchange.losses[$0], $0) < (exchange.losses[$1], $1) }
    var isOpen = (0..<count).map { !excluded.contains($0) }
    for index in chosen { isOpen[index] = false }
    for position in order.prefix(8) {
      let gains = exchange.gains(without: position)
      var best = chosen[position]
      var bestGain = exchange.losses[position] * (1 + 1e-9)
      for index in 0..<count where gains[index] > bestGain && isOpen[index] {
        (best, bestGain) = (index, gains[index])
      }
      if best != chosen[position] {
        var better = chosen
        better.remove(at: position)
        return better + [best]
      }
    }
    return nil
  }

  /// `H_II`.
  private func block(_ chosen: [Int]) -> Matrix<Double> {
    var result = Matrix<Double>(rows: chosen.count, columns: chosen.count)
    for (row, i) in chosen.enumerated() {
      for (column, j) in chosen.enumerated() { result[row, column] = metric[i, j] }
    }
    return result
  }
}
