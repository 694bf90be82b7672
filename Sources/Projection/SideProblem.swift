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
  /// `X S t` for the LoRA's factor `t`, `[count, rank]`.
  private let targets: Matrix<Double>
  /// `tᵀ S t`, `[rank, rank]`: what this side would capture with every direction of the space.
  let total: Matrix<Double>

  /// Number of candidate directions.
  var count: Int { metric.rows }

  /// Among more directions one exchange brings too little for the cube of their number that it costs.
  private static let exchangeLimit = 96

  /// - Parameter targets: the LoRA's factor, `[features, rank]`.
  init(_ side: WeighedSide, targets: Matrix<Double>) {
    metric = side.gram
    let plain = side.rows.times(targets).scaled(by: side.metric.shift)
    let image = side.metric.image(of: targets)
    self.targets = side.image.map { $0.times(image).adding(1, times: plain) } ?? plain
    total = side.metric.gram(targets, image: image)
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
    let width = blocks.reduce(0) { $0 + $1.columns }
    var residual = [Double](repeating: 0, count: count * width)
    var first = 0
    for block in blocks {
      for index in 0..<count {
        for column in 0..<block.columns {
          residual[index * width + first + column] = block[index, column]
        }
      }
      first += block.columns
    }
    var diagonal = (0..<count).map { metric[$0, $0] }
    let floor = (diagonal.max() ?? 0) * 1e-12
    var columns: [[Double]] = []
    var growth = Growth(gainsBeside: others.map { _ in [] })
    var isOpen = (0..<count).map { !excluded.contains($0) }
    while growth.chosen.count < rank {
      var best = -1
      var bestGain = -1.0
      for index in 0..<count where isOpen[index] {
        let gain =
          diagonal[index] > floor
          ? residual.squaredSum(index * width, targets.columns) / diagonal[index] : 0
        if gain > bestGain { (best, bestGain) = (index, gain) }
      }
      guard best >= 0 else { break }
      isOpen[best] = false
      growth.chosen.append(best)
      growth.gains.append(bestGain)
      var place = best * width + targets.columns
      for (block, other) in others.enumerated() {
        let square = residual.squaredSum(place, other.columns)
        growth.gainsBeside[block].append(diagonal[best] > floor ? square / diagonal[best] : 0)
        place += other.columns
      }
      guard diagonal[best] > floor else { continue }
      let scale = 1 / diagonal[best].squareRoot()
      var pivot = Array(metric.elements[best * count..<(best + 1) * count])
      for column in columns {
        let factor = column[best]
        for index in 0..<count { pivot[index] -= factor * column[index] }
      }
      for index in 0..<count {
        pivot[index] *= scale
        diagonal[index] -= pivot[index] * pivot[index]
      }
      let target = residual[best * width..<(best + 1) * width].map { $0 * scale }
      residual.withUnsafeMutableBufferPointer { residual in
        for index in 0..<count {
          let factor = pivot[index]
          for column in 0..<width { residual[index * width + column] -= factor * target[column] }
        }
      }
      columns.append(pivot)
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
    let losses = try losses(chosen, targets: targets)
    let order = chosen.indices.sorted { (losses[$0], $0) < (losses[$1], $1) }
    for position in order.prefix(8) {
      var rest = chosen
      rest.remove(at: position)
      let gains = try gains(beside: rest, targets: targets)
      var best = chosen[position]
      var bestGain = losses[position] * (1 + 1e-9)
      for index in 0..<count where gains[index] > bestGain && !excluded.contains(index) {
        (best, bestGain) = (index, gains[index])
      }
      if best != chosen[position] { return rest + [best] }
    }
    return nil
  }

  /// What each chosen direction's removal would lose: `‖(H⁻¹T)ᵢ‖² / (H⁻¹)ᵢᵢ`.
  private func losses(_ chosen: [Int], targets: Matrix<Double>) throws(Fault) -> [Double] {
    let cholesky = try Cholesky(block(chosen))
    let inverse = try cholesky.solving(.identity(chosen.count))
    let solution = try cholesky.solving(targets.selectingRows(chosen))
    return chosen.indices.map { index in
      var square = 0.0
      for column in 0..<solution.columns {
        square += solution[index, column] * solution[index, column]
      }
      return square / inverse[index, index]
    }
  }

  /// What each direction would add to `chosen`; 0 for those in it.
  private func gains(beside chosen: [Int], targets: Matrix<Double>) throws(Fault) -> [Double] {
    let width = targets.columns
    let link = metric.selectingRows(chosen)
    let solved =
      chosen.isEmpty ? link.transposed : try Cholesky(block(chosen)).dividing(rows: link.transposed)
    let explained = solved.times(targets.selectingRows(chosen))
    let members = Set(chosen)
    return (0..<count).map { index in
      guard !members.contains(index) else { return 0 }
      var diagonal = metric.elements[index * count + index]
      let floor = diagonal * 1e-12
      for column in 0..<chosen.count {
        diagonal -=
          solved.elements[index * chosen.count + column] * link.elements[column * count + index]
      }
      guard diagonal > floor else { return 0 }
      var square = 0.0
      for column in 0..<width {
        let rest =
          targets.elements[index * width + column] - explained.elements[index * width + column]
        square += rest * rest
      }
      return square / diagonal
    }
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

extension [Double] {
  /// The sum of squares of `count` elements from `first` on.
  fileprivate func squaredSum(_ first: Int, _ count: Int) -> Double {
    var sum = 0.0
    for index in first..<first + count { sum += self[index] * self[index] }
    return sum
  }
}
