import Faults
import LinearAlgebra
import Tensors

/// One update as a change of its weight W alone.
struct ResolvedUpdate: Sendable {
  let update: LowRankUpdate
  /// Magnitudes that were kept.
  private(set) var part: AdapterPart?
  /// Share of the energy of a full-rank change that its best approximation of the adapter's rank holds.
  private(set) var lowRankShare: Double?
  /// Whether the frozen factors of LoRA-XS are not this weight's.
  private(set) var isForeign = false
  /// ‖ΔW‖ over the norm of what was taken from the base at the start.
  private(set) var initialRatio: Double?

  init(_ update: LowRankUpdate) { self.update = update }

  init(
    _ update: LowRankUpdate, weight: Matrix<Double>, magnitudes: MagnitudeHandling
  ) throws(Fault) {
    switch update.relation {
    // What matching leaves of a shared A is a module's own.
    case .none, .leadingColumns: self.init(update)
    case .magnitudes(let values):
      try self.init(update, weight, values, magnitudes)
    case .frozen(let up):
      self.init(
        LowRankUpdate(
          moduleName: update.moduleName, loraA: update.loraA, loraB: update.loraB,
          scaling: update.scaling))
      isForeign = !ResolvedUpdate.areTaken(update.loraA, up, from: weight)
    case .withoutPrincipal(let rank):
      try self.init(update, without: ResolvedUpdate.components(weight, rank, largest: true))
    case .withoutSmallest(let rank):
      try self.init(update, without: ResolvedUpdate.components(weight, rank, largest: false))
    case .withoutLeadingQR(let rank):
      let leading = weight.selectingColumns(Array(0..<min(rank, weight.columns)))
      let q = try QR(leading).orthonormal
      var r = q.times(weight, transposeSelf: true)
      for index in r.elements.indices { r.elements[index] *= update.scaling }
      try self.init(update, without: (up: q, down: r))
    }
  }

  // MARK: - DoRA

  /// `diag(d)·(W + sBA) − W` with `d = m / ‖W + sBA‖`, whole or as factors d and the update `diag(d)·s·B·A`.
  private init(
    _ update: LowRankUpdate, _ weight: Matrix<Double>, _ values: [Float],
    _ magnitudes: MagnitudeHandling
  ) throws(Fault) {
    let (rows, columns) = (weight.rows, weight.columns)
    var changed = update.loraB.inDouble.times(update.loraA.inDouble)
    var factors = [Double](repeating: 0, count: rows)
    for row in 0..<rows {
      var sum = 0.0
      for index in row * columns..<(row + 1) * columns {
        changed.elements[index] = weight.elements[index] + update.scaling * changed.elements[index]
        sum += changed.elements[index] * changed.elements[index]
      }
      guard sum > 0 else {
        throw Fault(.badData, "VAL-RANGE", "row \(row) of W + s*B*A is zero: DoRA has no direction")
      }
      factors[row] = Double(values[row]) / sum.squareRoot()
    }
    if magnitudes == .keep {
      var b = update.loraB
      for row in 0..<b.rows {
        for column in 0..<b.columns {
          b[row, column] = Float(Double(b[row, column]) * factors[row])
        }
      }
      self.init(
        LowRankUpdate(
          moduleName: update.moduleName, loraA: update.loraA, loraB: b, scaling: update.scaling))
      part = AdapterPart(
        module: update.moduleName, leaf: "weight", shape: [rows, columns],
        change: .scaledRows(factors.map { Float($0) }))
      return
    }
    for row in 0..<rows {
      for index in row * columns..<(row + 1) * columns {
        changed.elements[index] = changed.elements[index] * factors[row] - weight.elements[index]
      }
    }
    let (a, b) = changed.inFloat.identityFactors
    self.init(LowRankUpdate(moduleName: update.moduleName, loraA: a, loraB: b, scaling: 1))
    let gram = rows <= columns ? changed.gramOfRows : changed.gramOfColumns
    let energies = try SymmetricEigen(gram).values
    let total = energies.reduce(0, +)
    lowRankShare = total > 0 ? energies.prefix(update.rank).reduce(0, +) / total : 1
  }

  // MARK: - LoRA-XS

  /// Share of a factor's norm by which it may differ: half precision and an SVD of other software.
  private static let frozenTolerance = 0.02

  /// Whether `A = Bᵀ·W` or `B = W·Aᵀ`.
  private static func areTaken(
    _ a: Matrix<Float>, _ up: [Float], from weight: Matrix<Double>
  ) -> Bool {
    let b = Matrix<Float>(rows: weight.rows, columns: a.rows, elements: up).inDouble
    func isClose(_ found: Matrix<Double>, _ wanted: Matrix<Double>) -> Bool {
      var difference = found
      for index in difference.elements.indices {
        difference.elements[index] -= wanted.elements[index]
      }
      return difference.squaredNorm <= frozenTolerance * frozenTolerance * wanted.squaredNorm
    }
    return isClose(b.times(weight, transposeSelf: true), a.inDouble)
      || isClose(weight.times(a.inDouble, transposeOther: true), b)
  }

  // MARK: - Changed bases

  /// `s·B·A − up·down`, in factors of both ranks together.
  private init(
    _ update: LowRankUpdate, without removed: (up: Matrix<Double>, down: Matrix<Double>)
  ) throws(Fault) {
    let (rank, extra) = (update.rank, removed.up.columns)
    var b = Matrix<Float>(rows: update.outFeatures, columns: rank + extra)
    for row in 0..<b.rows {
      for column in 0..<rank {
        b[row, column] = Float(Double(update.loraB[row, column]) * update.scaling)
      }
      for column in 0..<extra { b[row, rank + column] = Float(-removed.up[row, column]) }
    }
    var a = Matrix<Float>(rows: rank + extra, columns: update.inFeatures)
    a.elements = update.loraA.elements + removed.down.elements.map { Float($0) }
    if rank + extra > min(update.outFeatures, update.inFeatures) {
      (a, b) = b.exactProduct(a).identityFactors
    }
    self.init(LowRankUpdate(moduleName: update.moduleName, loraA: a, loraB: b, scaling: 1))
    // Up has orthonormal columns, so the norm of the product is that of the other factor.
    let norm = removed.down.squaredNorm
    initialRatio = norm > 0 ? (self.update.squaredNorm / norm).squareRoot() : 0
  }

  /// The first or last `rank` singular components of W as `U` and `UᵀW`, by the eigenvectors of W·Wᵀ or
  /// WᵀW.
  private static func components(
    _ weight: Matrix<Double>, _ rank: Int, largest: Bool
  ) throws(Fault) -> (up: Matrix<Double>, down: Matrix<Double>) {
    let isWide = weight.rows <= weight.columns
    let eigen = try SymmetricEigen(isWide ? weight.gramOfRows : weight.gramOfColumns)
    let count = eigen.values.count
    guard largest ? rank <= count : rank < count else {
      throw Fault(.badData, "AD-RANK", "rank \(rank) of a weight with \(count) singular values")
    }
    let vectors = eigen.vectors.columns(
      fromRows: Array(largest ? 0..<rank : count - rank..<count))
    if isWide { return (vectors, vectors.times(weight, transposeSelf: true)) }
    // W v = σ u: normalised columns are U, and the lengths go to the other side.
    var up = weight.times(vectors)
    var down = vectors.transposed
    for column in 0..<up.columns {
      var sum = 0.0
      for row in 0..<up.rows { sum += up[row, column] * up[row, column] }
      let length = sum.squareRoot()
      for row in 0..<up.rows where length > 0 { up[row, column] /= length }
      for index in 0..<down.columns { down[column, index] *= length }
    }
    return (up, down)
  }
}
