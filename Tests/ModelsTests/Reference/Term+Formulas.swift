import Checkpoints
import Foundation
import Tensors

/// Formulas put together from the operations of ``Term``.
extension Term {
  /// A constant by its entries.
  static func constant(
    rows: Int, columns: Int, _ entry: (_ row: Int, _ column: Int) -> Double
  ) -> Term {
    var matrix = Matrix<Double>(rows: rows, columns: columns)
    for i in 0..<rows { for j in 0..<columns { matrix[i, j] = entry(i, j) } }
    return Term(matrix)
  }

  private static func ones(rows: Int, columns: Int) -> Term {
    constant(rows: rows, columns: columns) { _, _ in 1 }
  }

  // MARK: - Rows and columns

  /// Rows `indices`, in this order, as S·A with S[i, indices[i]] = 1.
  func rows(_ indices: [Int]) -> Term {
    Term.constant(rows: indices.count, columns: value.rows) { $1 == indices[$0] ? 1 : 0 }
      .times(self)
  }

  /// Rows of this one as rows `indices` among `count`, others zero: Sᵀ·A.
  func placed(at indices: [Int], of count: Int) -> Term {
    Term.constant(rows: count, columns: indices.count) { $0 == indices[$1] ? 1 : 0 }.times(self)
  }

  /// Some columns.
  func columns(_ range: Range<Int>) -> Term {
    let first = range.lowerBound
    return times(
      Term.constant(rows: value.columns, columns: range.count) { $0 == first + $1 ? 1 : 0 })
  }

  /// Matrices one below the other.
  static func stacked(_ parts: [Term]) -> Term {
    let count = parts.reduce(0) { $0 + $1.value.rows }
    var next = 0
    let placed = parts.map { part in
      defer { next += part.value.rows }
      return part.placed(at: Array(next..<next + part.value.rows), of: count)
    }
    return placed.dropFirst().reduce(placed[0], +)
  }

  /// Matrices side by side.
  static func beside(_ parts: [Term]) -> Term { stacked(parts.map(\.transposed)).transposed }

  /// The sum of each row, `[rows, 1]`.
  var rowSums: Term { times(Term.ones(rows: value.columns, columns: 1)) }

  /// The one column `count` times side by side.
  func repeated(columns count: Int) -> Term { times(Term.ones(rows: 1, columns: count)) }

  /// The one row `count` times.
  func repeated(rows count: Int) -> Term { Term.ones(rows: count, columns: 1).times(self) }

  /// The sum of all entries, `[1, 1]`.
  var total: Term { rowSums.transposed.rowSums }

  /// B with B[i, j] = A[i, index(i, j)], `[rows, columns]`.
  func picking(columns: Int, _ index: (_ row: Int, _ column: Int) -> Int) -> Term {
    let picked = (0..<value.rows).map { row in
      rows([row]).times(
        Term.constant(rows: value.columns, columns: columns) { $0 == index(row, $1) ? 1 : 0 })
    }
    return Term.stacked(picked)
  }

  // MARK: - Functions

  /// s·A.
  func scaled(by factor: Double) -> Term { map({ factor * $0 }, derivative: { _ in factor }) }

  /// A + s in every entry.
  func shifted(by number: Double) -> Term { map({ $0 + number }, derivative: { _ in 1 }) }

  var exponential: Term { map({ exp($0) }, derivative: { exp($0) }) }
  var logarithm: Term { map({ log($0) }, derivative: { 1 / $0 }) }
  var inverse: Term { map({ 1 / $0 }, derivative: { -1 / ($0 * $0) }) }
  var inverseRoot: Term { map({ pow($0, -0.5) }, derivative: { -0.5 * pow($0, -1.5) }) }
  var hyperbolicTangent: Term { map({ tanh($0) }, derivative: { 1 - tanh($0) * tanh($0) }) }

  /// σ(x) = 1/(1 + e⁻ˣ).
  var sigmoid: Term { scaled(by: -1).exponential.shifted(by: 1).inverse }

  /// c·tanh(x/c).
  func capped(_ cap: Double?) -> Term {
    guard let cap else { return self }
    return scaled(by: 1 / cap).hyperbolicTangent.scaled(by: cap)
  }

  /// ½·x·(1 + erf(x/√2)), erf' = 2/√π·exp(−x²).
  var gelu: Term {
    let phi = scaled(by: 0.5.squareRoot()).map({ erf($0) }) {
      2 / Double.pi.squareRoot() * exp(-$0 * $0)
    }
    return scaled(by: 0.5) * phi.shifted(by: 1)
  }

  /// What stands between the halves of a feed-forward layer; formulas at ``Activation``.
  func activated(_ activation: Activation) -> Term {
    switch activation {
    case .silu: return self * sigmoid
    case .gelu: return gelu
    case .relu: return map({ max($0, 0) }, derivative: { $0 > 0 ? 1 : 0 })
    case .geluTanh:
      let cubic = self + (self * self * self).scaled(by: 0.044715)
      return scaled(by: 0.5)
        * cubic.scaled(by: (2 / Double.pi).squareRoot()).hyperbolicTangent.shifted(by: 1)
    }
  }

  /// The softmax of each row over the entries whose mask is 1; others are 0.
  func softmax(mask: Term? = nil) -> Term {
    let weights = mask.map { exponential * $0 } ?? exponential
    return weights * weights.rowSums.inverse.repeated(columns: value.columns)
  }

  /// x / √(mean(x²) + ε), or the same of x − mean(x), in each row, times w + offset, plus b, both `[1, columns]`.
  func normed(_ norm: Norm, weight: Term, bias: Term?) -> Term {
    let (rows, columns) = (value.rows, value.columns)
    let share = 1 / Double(columns)
    var x = self
    if norm.kind == .layer {
      x = x + x.rowSums.scaled(by: -share).repeated(columns: columns)
    }
    let scale = (x * x).rowSums.scaled(by: share).shifted(by: norm.epsilon).inverseRoot
    x = x * scale.repeated(columns: columns)
    x = x * weight.shifted(by: Double(norm.offset)).repeated(rows: rows)
    return bias.map { x + $0.repeated(rows: rows) } ?? x
  }

  /// −ln p(target) of each row under the softmax of its entries, summed, `[1, 1]`.
  func crossEntropy(_ targets: [Int32]) -> Term {
    let chosen = Term.constant(rows: value.rows, columns: value.columns) {
      $1 == Int(targets[$0]) ? 1 : 0
    }
    return (exponential.rowSums.logarithm + (self * chosen).rowSums.scaled(by: -1)).total
  }
}
