import Adapters
import Bases
import LinearAlgebra
import Tensors

/// The choice of directions where nothing weighs errors: the plain energy `Σ (UᵀΔWV)ᵢⱼ²` over the chosen rows and
/// columns.
///
/// With `P = Us·B` and `Q = VAᵀ`, one direction a row, `UᵀΔWV = P Qᵀ`. Beside chosen columns `J` row `i` holds
/// `pᵢᵀ (Q_JᵀQ_J) pᵢ`, and rows do not compete: the best are the largest. Rows and columns alternate until neither
/// changes. Energies are in Float32, summed in an order that nothing else decides.
struct PlainSelection {
  /// `P` `[candidates, rank of the LoRA]`.
  private let output: Matrix<Float>
  /// `Q` `[candidates, rank of the LoRA]`.
  private let input: Matrix<Float>
  /// `AAᵀ`: what the input side holds with every direction of the space.
  private let inputTotal: Matrix<Double>

  /// Alternations of one start; most end after three.
  private static let rounds = 8

  init(update: LowRankUpdate, directions: DirectionRows, candidates: Int) {
    let isWhole = candidates == directions.count
    let indices = Array(0..<candidates)
    func considered(_ rows: Matrix<Float>) -> Matrix<Float> {
      isWhole ? rows : rows.selectingRows(indices)
    }
    var p = considered(directions.outputRows).thinTimes(update.loraB)
    let scaling = Float(update.scaling)
    for index in p.elements.indices { p.elements[index] *= scaling }
    output = p
    input = considered(directions.inputRows).thinTimes(update.loraA, transposeOther: true)
    inputTotal = update.loraA.exactTimes(update.loraA, transposeOther: true)
  }

  /// A choice of both sides, ascending, and the energy it captures.
  private struct Choice {
    var pair: SelectionProblem.Pair
    var value: Double
    /// The rows of every round that led to it: what follows rows does not depend on how they were come by.
    var path: [[Int]] = []
  }

  /// The better of two starts: the rows that hold most beside all candidate columns, and beside all of the space.
  func choose(rank: LatentRank, excluding excluded: Set<Int>) -> SelectionProblem.Pair {
    let available = output.rows - excluded.count
    let rank = rank.clipped(outFeatures: available, inFeatures: available)
    guard rank.output > 0, rank.input > 0 else {
      return SelectionProblem.Pair(output: [], input: [])
    }
    let columns = input.energies(output.exactTimes(output, transposeSelf: true))
      .largest(rank.input, excluding: excluded)
    let first = alternate(input.gram(ofRows: columns), rank, excluding: excluded)
    let second = alternate(inputTotal, rank, excluding: excluded, beside: first)
    return second.value > first.value ? second.pair : first.pair
  }

  /// Best rows beside `weight`, best columns beside those, and so on while the energy grows; given up where it would
  /// come to no more than `other`.
  private func alternate(
    _ weight: Matrix<Double>, _ rank: LatentRank, excluding excluded: Set<Int>,
    beside other: Choice? = nil
  ) -> Choice {
    var best = Choice(pair: SelectionProblem.Pair(output: [], input: []), value: -1)
    var weight = weight
    for _ in 0..<PlainSelection.rounds {
      let rows = output.energies(weight).largest(rank.output, excluding: excluded)
      if rows == best.pair.output { break }
      if let other, other.path.count < PlainSelection.rounds, best.value <= other.value,
        other.path.contains(rows)
      {
        break
      }
      let held = output.gram(ofRows: rows)
      let columns = input.energies(held).largest(rank.input, excluding: excluded)
      weight = input.gram(ofRows: columns)
      // ‖P_I Q_Jᵀ‖² = ⟨P_IᵀP_I, Q_JᵀQ_J⟩
      let value = held.innerProduct(weight)
      guard value > best.value else { break }
      let isSettled = columns == best.pair.input
      best = Choice(
        pair: SelectionProblem.Pair(output: rows, input: columns), value: value,
        path: best.path + [rows])
      if isSettled { break }
    }
    return best
  }
}

extension Matrix where Scalar == Float {
  /// `xᵢᵀ S xᵢ` of every row.
  fileprivate func energies(_ weight: Matrix<Double>) -> [Float] {
    rowProducts(with: thinTimes(weight.inFloat))
  }

  /// `X_IᵀX_I` of the named rows, in Float64.
  fileprivate func gram(ofRows indices: [Int]) -> Matrix<Double> {
    let chosen = selectingRows(indices)
    return chosen.exactTimes(chosen, transposeSelf: true)
  }
}
