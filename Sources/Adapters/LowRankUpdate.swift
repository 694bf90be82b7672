public import Tensors

/// The change of one linear module: `ΔW = scaling · loraB · loraA`, `[outFeatures, inFeatures]`.
///
/// Kept in factors everywhere; the product is never formed here (`formats/peft.md` §4).
public struct LowRankUpdate: Sendable, Equatable {
  /// Path in the HF model, without `base_model.model.` and `.weight`, such as
  /// `model.layers.0.self_attn.q_proj`.
  public let moduleName: String
  /// A, `[rank, inFeatures]`.
  public let loraA: Matrix<Float>
  /// B, `[outFeatures, rank]`.
  public let loraB: Matrix<Float>
  /// s: alpha/r, or alpha/√r for rank-stabilised LoRA.
  public let scaling: Double
  /// What the base must add to make this a change of its weight; `none` once an adapter is resolved.
  public let relation: BaseRelation

  /// An update from its factors; `loraA.rows` must equal `loraB.columns`.
  public init(
    moduleName: String, loraA: Matrix<Float>, loraB: Matrix<Float>, scaling: Double,
    relation: BaseRelation = .none
  ) {
    precondition(loraA.rows == loraB.columns)
    self.moduleName = moduleName
    self.loraA = loraA
    self.loraB = loraB
    self.scaling = scaling
    self.relation = relation
  }

  /// Columns of B and rows of A.
  public var rank: Int { loraA.rows }
  /// Rows of the weight.
  public var outFeatures: Int { loraB.rows }
  /// Columns of the weight.
  public var inFeatures: Int { loraA.columns }

  /// The update with the columns of a shared A that a module of `inFeatures` has; itself where A is its own or too narrow.
  func sliced(to inFeatures: Int) -> LowRankUpdate {
    guard relation == .leadingColumns, inFeatures <= loraA.columns else { return self }
    var a = loraA
    if inFeatures < loraA.columns {
      a = Matrix(
        rows: rank, columns: inFeatures,
        elements: (0..<rank).flatMap { row in
          loraA.elements[row * loraA.columns..<row * loraA.columns + inFeatures]
        })
    }
    return LowRankUpdate(moduleName: moduleName, loraA: a, loraB: loraB, scaling: scaling)
  }

  /// The same change in factors of no higher rank than it can have: where rank is above the smaller side, as PEFT lets it
  /// be, B·A beside an identity, each entry rounded once.
  public var compact: LowRankUpdate {
    guard rank > min(outFeatures, inFeatures) else { return self }
    let (a, b) = loraB.exactProduct(loraA).identityFactors
    return LowRankUpdate(
      moduleName: moduleName, loraA: a, loraB: b, scaling: scaling, relation: relation)
  }

  /// `‖ΔW‖²` (Frobenius) = `s² · tr((BᵀB)(AAᵀ))`, in Float64, without forming ΔW.
  ///
  /// - Complexity: O(rank² · (inFeatures + outFeatures)).
  public var squaredNorm: Double {
    // Full-rank changes are kept as a product with the identity.
    if loraA.isIdentity { return scaling * scaling * loraB.squaredNorm }
    if loraB.isIdentity { return scaling * scaling * loraA.squaredNorm }
    // Products of rank² would be larger than the change itself.
    guard rank <= min(outFeatures, inFeatures) else { return compact.squaredNorm }
    let a = LowRankUpdate.rowProducts(loraA)
    let b = LowRankUpdate.columnProducts(loraB)
    var trace = 0.0
    // Both are symmetric, so tr(GH) is the sum of elementwise products.
    for (left, right) in zip(a, b) { trace += left * right }
    return max(0, scaling * scaling * trace)
  }

  /// `XXᵀ`, `[rows, rows]`.
  private static func rowProducts(_ matrix: Matrix<Float>) -> [Double] {
    let (rows, columns) = (matrix.rows, matrix.columns)
    var result = [Double](repeating: 0, count: rows * rows)
    matrix.elements.withUnsafeBufferPointer { elements in
      for left in 0..<rows {
        for right in left..<rows {
          var sum = 0.0
          for column in 0..<columns {
            sum +=
              Double(elements[left * columns + column]) * Double(elements[right * columns + column])
          }
          result[left * rows + right] = sum
          result[right * rows + left] = sum
        }
      }
    }
    return result
  }

  /// `XᵀX`, `[columns, columns]`, row after row so that memory is read in order.
  private static func columnProducts(_ matrix: Matrix<Float>) -> [Double] {
    let (rows, columns) = (matrix.rows, matrix.columns)
    var result = [Double](repeating: 0, count: columns * columns)
    matrix.elements.withUnsafeBufferPointer { elements in
      for row in 0..<rows {
        let line = UnsafeBufferPointer(rebasing: elements[row * columns..<(row + 1) * columns])
        for left in 0..<columns {
          let factor = Double(line[left])
          for right in 0..<columns {
            result[left * columns + right] += factor * Double(line[right])
          }
        }
      }
    }
    return result
  }

  /// `‖A‖² · ‖B‖²`: its root times |s| bounds every entry of ΔW.
  var squaredNormBound: Double {
    func squaredNorm(_ matrix: Matrix<Float>) -> Double {
      matrix.elements.withUnsafeBufferPointer { elements in
        // Eight sums: one would wait for itself at every element.
        var sums = SIMD8<Double>()
        let whole = elements.count / 8 * 8
        for start in stride(from: 0, to: whole, by: 8) {
          var values = SIMD8<Float>()
          for lane in 0..<8 { values[lane] = elements[start + lane] }
          let wide = SIMD8<Double>(values)
          sums += wide * wide
        }
        return elements[whole...].reduce(sums.sum()) { $0 + Double($1) * Double($1) }
      }
    }
    return squaredNorm(loraA) * squaredNorm(loraB)
  }
}
