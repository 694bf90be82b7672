import Adapters
import Projection
import Tensors
import Testing

@Suite struct SparseTernaryTests {
  private let update = LowRankUpdate(
    moduleName: "m",
    loraA: Matrix(rows: 2, columns: 4, elements: [0.5, -3, 0.1, 2, -0.2, 0.3, 4, -1]),
    loraB: Matrix(rows: 3, columns: 2, elements: [1, -0.1, 0.2, 5, -2, 0.3]), scaling: 0.5)

  /// ΔW, formed in full.
  private func product(_ update: LowRankUpdate) -> [Double] {
    (0..<update.outFeatures).flatMap { row in
      (0..<update.inFeatures).map { column in
        (0..<update.rank).reduce(0.0) {
          $0 + update.scaling * Double(update.loraB[row, $1]) * Double(update.loraA[$1, column])
        }
      }
    }
  }

  private func error(_ other: LowRankUpdate) -> Double {
    zip(product(update), product(other)).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  }

  @Test func keepsTheSignsOfTheLargest() {
    let cut = SparseTernary(update).cut(density: 0.5)
    #expect(cut.update.loraA.elements == [0, -1, 0, 1, 0, 0, 1, -1])
    #expect(cut.update.loraB.elements == [1, 0, 0, 1, -1, 0])
    // A: gaps 1, 1, 2, 0, B: gaps 0, 2, 0. With m = 0 these are 8 and 5 bits, and 7 signs; m = 1 needs 9 and 7.
    #expect(cut.bits == 8 + 5 + 7)
  }

  @Test(arguments: [0.25, 0.5, 1])
  func theScaleIsOfLeastError(density: Double) {
    let cut = SparseTernary(update).cut(density: density).update
    for factor in [0.99, 1.01, -1, 0] {
      #expect(error(cut) < error(SparseTernary.scaled(cut, by: factor)))
    }
  }

  /// Levels of magnitude come nearer to ΔW than signs, for their bits.
  @Test func levelsComeNearer() {
    let signs = SparseTernary(update).cut(density: 1)
    let values = SparseTernary(update).cut(density: 1, largestCode: 7)
    #expect(error(values.update) < error(signs.update))
    #expect(values.bits > signs.bits)
    #expect(values.update.loraA.elements.allSatisfy { (1...7).contains(abs($0)) })
    #expect(values.update.loraA.elements[6] == 7 && values.update.loraA.elements[1] < -3)
  }

  @Test func nothingKeptIsNothing() {
    let cut = SparseTernary(update).cut(density: 0)
    #expect(cut.bits == 0 && cut.update.squaredNorm == 0)
  }

  // MARK: - Cuts of an adapter

  /// Every byte of a budget is tried for: one more step of density would not fit.
  @Test func theDensestCutFits() {
    let modules = [SparseTernary(update), SparseTernary(update)]
    let whole = SparseTernaryCut.densest(modules, levels: 3, within: 1000, scaleBytes: 8)
    #expect(whole.density == 1 && whole.updates.count == 2)
    let none = SparseTernaryCut.densest(modules, levels: 3, within: 0, scaleBytes: 8)
    #expect(none.density == 0 && none.updates.allSatisfy { $0.squaredNorm == 0 })
    for budget in [11, 13, whole.bytes - 1] {
      let cut = SparseTernaryCut.densest(modules, levels: 3, within: budget, scaleBytes: 8)
      #expect(cut.bytes <= budget && cut.density > 0 && cut.density < 1)
    }
  }

  /// Of several factors of one update the nearest is taken, whatever comes first.
  @Test(arguments: [[0, 1], [1, 0]]) func theNearestSourceWins(order: [Int]) throws {
    // The same update, the second time with a pair of vectors that counts for nothing but takes bytes.
    let other = LowRankUpdate(
      moduleName: "m", loraA: Matrix(rows: 1, columns: 4, elements: [2, -2, 0, 0]),
      loraB: Matrix(rows: 3, columns: 1, elements: [1, 1, -1]), scaling: 1)
    let blurred = LowRankUpdate(
      moduleName: "m",
      loraA: Matrix(rows: 2, columns: 4, elements: [2, -2, 0, 0, 1, 0.7, 0.4, 0.2]),
      loraB: Matrix(rows: 3, columns: 2, elements: [1, 0, 1, 0, -1, 0]), scaling: 1)
    let sources = [[other], [blurred]]
    let cut = try #require(
      SparseTernaryCut.nearest(
        order.map { sources[$0] }, levels: [1], within: 6, scaleBytes: { 4 * $0 }))
    #expect(cut.updates[0].rank == 1 && cut.updates[0].squaredNorm > 0)
    #expect(error(other, cut.updates[0]) < other.squaredNorm)
    #expect(SparseTernaryCut.nearest([], levels: [1], within: 4, scaleBytes: { $0 }) == nil)
  }

  private func error(_ first: LowRankUpdate, _ second: LowRankUpdate) -> Double {
    zip(product(first), product(second)).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  }

  @Test func columnsAreNormalised() {
    let matrix = Matrix<Float>(rows: 2, columns: 3, elements: [3, 0, 0, 4, 0, -2])
    let (columns, norms) = matrix.normalisedColumns
    #expect(norms == [5, 0, 2])
    #expect(columns.elements == [0.6, 0, 0, 0.8, 0, -1])
  }
}
