import Tensors

/// A matrix in Float64 that knows what it was computed from: gradients follow by the chain rule (reverse mode).
///
/// Five operations have derivatives written down: sum, product by entries, matrix product, transpose and a function of each entry. All
/// else is put together from them.
final class Term {
  /// What one source gets of a gradient: from ∂L/∂value its part of ∂L/∂source.
  typealias Pull = (Matrix<Double>) -> Matrix<Double>

  /// The numbers, `[rows, columns]`.
  let value: Matrix<Double>
  private let sources: [(term: Term, pull: Pull)]
  private let isVariable: Bool
  private var sum: Matrix<Double>?

  /// Numbers that do not change.
  init(_ value: Matrix<Double>) {
    self.value = value
    sources = []
    isVariable = false
  }

  /// Numbers whose gradient is wanted.
  init(variable value: Matrix<Double>) {
    self.value = value
    sources = []
    isVariable = true
  }

  private init(_ value: Matrix<Double>, of sources: [(term: Term, pull: Pull)]) {
    self.value = value
    self.sources = sources.filter(\.term.isVariable)
    isVariable = !self.sources.isEmpty
  }

  // MARK: - Gradients

  /// ∂L/∂value, where ``differentiate()`` was called on L.
  var gradient: Matrix<Double> { sum ?? Matrix(rows: value.rows, columns: value.columns) }

  /// Adds ∂L/∂x to the gradient of every x that this one number L was computed from.
  func differentiate() {
    precondition(value.elements.count == 1, "a gradient of many numbers")
    var order: [Term] = []
    var seen: Set<ObjectIdentifier> = []
    func visit(_ term: Term) {
      guard seen.insert(ObjectIdentifier(term)).inserted else { return }
      for source in term.sources { visit(source.term) }
      order.append(term)
    }
    visit(self)
    sum = Matrix(rows: 1, columns: 1, elements: [1])
    for term in order.reversed() {
      for (source, pull) in term.sources {
        let part = pull(term.gradient)
        source.sum = source.sum.map { Term.entries($0, part, +) } ?? part
      }
    }
  }

  // MARK: - Operations

  /// A + B.
  static func + (a: Term, b: Term) -> Term {
    Term(entries(a.value, b.value, +), of: [(a, { $0 }), (b, { $0 })])
  }

  /// A ∘ B, entry by entry.
  static func * (a: Term, b: Term) -> Term {
    Term(
      entries(a.value, b.value, *),
      of: [(a, { entries($0, b.value, *) }), (b, { entries($0, a.value, *) })])
  }

  /// A·B: ∂L/∂A = G·Bᵀ, ∂L/∂B = Aᵀ·G.
  func times(_ other: Term) -> Term {
    Term(
      Term.product(value, other.value),
      of: [
        (self, { Term.product($0, other.value.transposed) }),
        (other, { [value] in Term.product(value.transposed, $0) }),
      ])
  }

  /// Aᵀ.
  var transposed: Term { Term(value.transposed, of: [(self, { $0.transposed })]) }

  /// f of every entry.
  func map(_ f: (Double) -> Double, derivative: @escaping (Double) -> Double) -> Term {
    func image(_ f: (Double) -> Double) -> Matrix<Double> {
      Matrix(rows: value.rows, columns: value.columns, elements: value.elements.map(f))
    }
    let slope = image(derivative)
    return Term(image(f), of: [(self, { Term.entries($0, slope, *) })])
  }

  private static func entries(
    _ a: Matrix<Double>, _ b: Matrix<Double>, _ f: (Double, Double) -> Double
  ) -> Matrix<Double> {
    precondition(
      a.rows == b.rows && a.columns == b.columns,
      "[\(a.rows), \(a.columns)] and [\(b.rows), \(b.columns)]")
    return Matrix(
      rows: a.rows, columns: a.columns, elements: zip(a.elements, b.elements).map(f))
  }

  /// The triple loop.
  private static func product(_ a: Matrix<Double>, _ b: Matrix<Double>) -> Matrix<Double> {
    precondition(a.columns == b.rows, "[\(a.rows), \(a.columns)] times [\(b.rows), \(b.columns)]")
    var c = Matrix<Double>(rows: a.rows, columns: b.columns)
    for i in 0..<a.rows {
      for k in 0..<a.columns where a[i, k] != 0 {
        for j in 0..<b.columns { c[i, j] += a[i, k] * b[k, j] }
      }
    }
    return c
  }
}
