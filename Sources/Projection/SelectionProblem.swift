import Adapters
import Bases
import Faults
import LinearAlgebra
import Tensors

/// The choice of directions reduced to small matrices in basis coordinates.
///
/// With `P = UᵀG s B` and `Q = Vᵀ C Aᵀ`, `N = UᵀGΔW C V = P Qᵀ` has the rank of the LoRA, so each
/// half of the search is a subset selection for `rank(LoRA)` right-hand sides.
struct SelectionProblem {
  private let output: SideProblem
  private let input: SideProblem
  /// `UᵀΔWV`, `[candidates, candidates]`, for the diagonal search.
  private let coordinates: Matrix<Double>

  /// The chosen indices of both sides, ascending.
  struct Pair {
    var output: [Int]
    var input: [Int]
  }

  init(update: LowRankUpdate, directions: WeighedDirections) {
    output = SideProblem(
      directions.output, targets: ScaledMatrix(update.loraB, factor: update.scaling))
    input = SideProblem(directions.input, targets: ScaledMatrix(update.loraA.transposed))
    coordinates = output.coordinates.times(input.coordinates, transposeOther: true)
  }

  /// Chooses by the given search, never an excluded index.
  func choose(
    rank: LatentRank, search: DirectionSearch, excluding excluded: Set<Int>
  ) throws(Fault) -> Pair {
    let available = output.count - excluded.count
    let rank = rank.clipped(outFeatures: available, inFeatures: available)
    guard rank.output > 0, rank.input > 0 else { return Pair(output: [], input: []) }
    let diagonal = chooseDiagonal(rank, excluding: excluded)
    if search == .diagonal { return diagonal }
    // Two starts: the columns of the diagonal approximation, and every column allowed.
    var best = try refine(
      input.captured(diagonal.input), rank, search: .greedy, excluding: excluded)
    let other = try refine(input.total, rank, search: .greedy, excluding: excluded)
    if other.value > best.value { best = other }
    if search == .exchange {
      // Exchanges are dear: only what growing found best is polished.
      best = try refine(
        input.captured(best.pair.input), rank, from: best, search: .exchange, excluding: excluded)
    }
    return best.pair
  }

  /// What a fit in the directions of `pair` is made of, on either side where something weighs errors there.
  func products(_ pair: Pair) -> (output: Metric.Products?, input: Metric.Products?) {
    (output.products(pair.output), input.products(pair.input))
  }

  /// The energies captured by 1, 2, … `outputLimit` output directions beside each number of input ones.
  ///
  /// Directions are nested: of the output side in the order that serves all the input's directions, of the input side
  /// in the order that serves all those.
  func energies(inputCounts: [Int], outputLimit: Int) throws(Fault) -> [[Double]] {
    guard let most = inputCounts.last, outputLimit > 0 else { return [] }
    let targets = try output.weightedTargets(by: input.total)
    let rows = output.greedy(rank: outputLimit, targets: targets, excluding: [])
    let columns = input.greedy(
      rank: most, targets: try input.weightedTargets(by: try output.captured(rows.chosen)),
      excluding: [])
    let others = try inputCounts.map { (count) throws(Fault) in
      try output.weightedTargets(by: try input.captured(Array(columns.chosen.prefix(count))))
    }
    let growth = output.greedy(
      rank: outputLimit, targets: targets, others: others, excluding: [])
    return growth.gainsBeside.map { gains in
      var sum = 0.0
      return gains.map {
        sum += $0
        return sum
      }
    }
  }

  /// A choice and the energy it captures.
  private typealias Candidate = (pair: Pair, value: Double)

  /// Alternates sides from what the columns capture until the captured energy stops growing.
  private func refine(
    _ columnWeight: Matrix<Double>, _ rank: LatentRank, from start: Candidate? = nil,
    search: DirectionSearch, excluding excluded: Set<Int>
  ) throws(Fault) -> Candidate {
    var best = start ?? (pair: Pair(output: [], input: []), value: -1.0)
    var weight = columnWeight
    for _ in 0..<4 {
      let known = best.value < 0 ? nil : best.pair
      let rows = try output.choose(
        rank: rank.output, targets: try output.weightedTargets(by: weight), start: known?.output,
        search: search, excluding: excluded)
      let targets = try input.weightedTargets(by: output.captured(rows))
      let columns = try input.choose(
        rank: rank.input, targets: targets, start: known?.input, search: search,
        excluding: excluded)
      let value = try input.value(of: columns, targets: targets)
      let isSettled = value <= best.value * (1 + 1e-3)
      if value > best.value { best = (Pair(output: rows, input: columns), value) }
      if isSettled { break }
      weight = try input.captured(columns)
    }
    return best
  }

  /// METHOD's approximation: energies `E_ij = g_i c_j M_ij²` with floors, eight alternations.
  private func chooseDiagonal(_ rank: LatentRank, excluding excluded: Set<Int>) -> Pair {
    let size = coordinates.rows
    let g = output.relativeDiagonal(floor: 1e-3)
    let c = input.relativeDiagonal(floor: 1e-4)
    var energy = coordinates
    for row in 0..<size {
      for column in 0..<size {
        let value = energy.elements[row * size + column]
        energy.elements[row * size + column] = g[row] * c[column] * value * value
      }
    }
    var columnSums = [Double](repeating: 0, count: size)
    for row in 0..<size {
      for column in 0..<size { columnSums[column] += energy.elements[row * size + column] }
    }
    var pair = Pair(output: [], input: columnSums.largest(rank.input, excluding: excluded))
    for _ in 0..<8 {
      let rowSums = (0..<size).map { row in
        pair.input.reduce(0.0) { $0 + energy.elements[row * size + $1] }
      }
      let rows = rowSums.largest(rank.output, excluding: excluded)
      let sums = (0..<size).map { column in
        rows.reduce(0.0) { $0 + energy.elements[$1 * size + column] }
      }
      let columns = sums.largest(rank.input, excluding: excluded)
      if rows == pair.output && columns == pair.input { break }
      pair = Pair(output: rows, input: columns)
    }
    return pair
  }
}
