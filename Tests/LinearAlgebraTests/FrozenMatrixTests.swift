import Faults
import LinearAlgebra
import Tensors
import TestSupport
import Testing
import Threads

/// Products with frozen matrices against sums written out.
@Suite struct FrozenMatrixTests {
  /// Odd sizes, less than a lane, more than a panel, more than one block of depth.
  static let shapes = [(1, 1, 1), (7, 5, 3), (64, 16, 6), (70, 33, 13), (65, 600, 5), (600, 40, 2)]

  static func values(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return generator.normals(count).map { Float($0) }
  }

  /// `y + x·Wᵀ` or `y + x·W` in Float64.
  static func expected(
    _ w: Matrix<Float>, _ x: [Float], _ y: [Float], _ count: Int, _ order: FrozenMatrix.Order
  ) -> [Double] {
    let (width, depth) = order == .forward ? (w.rows, w.columns) : (w.columns, w.rows)
    var result = y.map(Double.init)
    for row in 0..<count {
      for column in 0..<width {
        for k in 0..<depth {
          let weight = order == .forward ? w[column, k] : w[k, column]
          result[row * width + column] += Double(x[row * depth + k]) * Double(weight)
        }
      }
    }
    return result
  }

  @Test(arguments: shapes, [FrozenMatrix.Order.forward, .backward])
  func productsInFloat32(
    shape: (rows: Int, columns: Int, count: Int), order: FrozenMatrix.Order
  ) {
    check(shape, order, precision: .float32, limit: 1e-6)
  }

  @Test(arguments: shapes, [FrozenMatrix.Order.forward, .backward])
  func productsInBFloat16(
    shape: (rows: Int, columns: Int, count: Int), order: FrozenMatrix.Order
  ) {
    // Each factor is off by at most 2⁻⁹, a sum of random signs by less.
    check(shape, order, precision: .bfloat16, limit: 6e-3)
  }

  /// Whatever is dropped, in whatever order, the values stay.
  @Test func droppedLayoutsAreMadeAgain() {
    let w = Matrix(rows: 70, columns: 33, elements: FrozenMatrixTests.values(70 * 33, seed: 4))
    let frozen = FrozenMatrix(stacking: [w])
    let x = FrozenMatrixTests.values(70, seed: 5)
    func product(_ order: FrozenMatrix.Order) -> [Float] {
      let (width, depth) = order == .forward ? (70, 33) : (33, 70)
      var y = [Float](repeating: 0, count: width)
      x.withUnsafeBufferPointer { x in
        if let x = x.baseAddress {
          frozen.multiply(
            ActivationRows(x, stride: depth), count: 1, order, into: &y, stride: width)
        }
      }
      return y
    }
    let (forward, backward) = (product(.forward), product(.backward))
    for order in [FrozenMatrix.Order.backward, .forward, .backward, .forward, .forward] {
      frozen.drop(order)
      #expect(product(.backward) == backward)
      frozen.drop(order)
      frozen.drop(order == .forward ? .backward : .forward)
      #expect(product(.forward) == forward)
    }
  }

  private func check(
    _ shape: (rows: Int, columns: Int, count: Int), _ order: FrozenMatrix.Order,
    precision: ProductPrecision, limit: Double
  ) {
    let w = Matrix(
      rows: shape.rows, columns: shape.columns,
      elements: FrozenMatrixTests.values(shape.rows * shape.columns, seed: 1))
    // Two parts, to see that they are stacked.
    let cut = shape.rows / 2
    let frozen = FrozenMatrix(stacking: [
      w.selectingRows(Array(0..<cut)), w.selectingRows(Array(cut..<shape.rows)),
    ])
    let (width, depth) =
      order == .forward ? (shape.rows, shape.columns) : (shape.columns, shape.rows)
    let x = FrozenMatrixTests.values(shape.count * depth, seed: 2)
    let start = FrozenMatrixTests.values(shape.count * width, seed: 3)
    for (adding, threads) in [(false, 1), (true, 1), (false, 3)] {
      var y = start
      let memory = UnsafeMutablePointer<UInt16>.allocate(
        capacity: ActivationRows.roundedCount(rows: shape.count, columns: depth))
      defer { memory.deallocate() }
      x.withUnsafeBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          guard let x = x.baseAddress, let y = y.baseAddress else { return }
          let rows =
            precision == .float32
            ? ActivationRows(x, stride: depth)
            : ActivationRows(
              x, rows: shape.count, columns: depth, stride: depth, roundedInto: memory)
          withThreads(threads) {
            frozen.multiply(rows, count: shape.count, order, into: y, stride: width, adding: adding)
          }
        }
      }
      let zero = [Float](repeating: 0, count: start.count)
      let expected = FrozenMatrixTests.expected(
        w, x, adding ? start : zero, shape.count, order)
      #expect(relativeError(y.map(Double.init), expected) < limit)
    }
  }

  /// Tiles of columns, of rows and of both, of results that are and are not multiples of them: the same bits.
  @Test(
    arguments: [(130, 1000, 700), (100, 30, 9000), (3, 2000, 3000), (50, 70, 40_000)],
    [ProductPrecision.float32, .bfloat16])
  func tilesChangeNothing(
    shape: (count: Int, rows: Int, columns: Int), precision: ProductPrecision
  ) {
    let (count, depth) = (shape.count, shape.columns)
    let frozen = FrozenMatrix(stacking: [
      Matrix(
        rows: shape.rows, columns: depth,
        elements: FrozenMatrixTests.values(shape.rows * depth, seed: 8))
    ])
    let x = FrozenMatrixTests.values(count * depth, seed: 9)
    func product(threads: Int) -> [Float] {
      var y = [Float](repeating: .nan, count: count * shape.rows)
      let memory = UnsafeMutablePointer<UInt16>.allocate(
        capacity: ActivationRows.roundedCount(rows: count, columns: depth))
      defer { memory.deallocate() }
      x.withUnsafeBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          guard let x = x.baseAddress, let y = y.baseAddress else { return }
          let rows =
            precision == .float32
            ? ActivationRows(x, stride: depth)
            : ActivationRows(x, rows: count, columns: depth, stride: depth, roundedInto: memory)
          withThreads(threads) {
            frozen.multiply(rows, count: count, .forward, into: y, stride: shape.rows)
          }
        }
      }
      return y
    }
    let single = product(threads: 1)
    #expect(single.allSatisfy { $0.isFinite })
    for threads in [2, 3, 16, 64] { #expect(product(threads: threads) == single) }
  }

  /// A backward product without a layout of its own: the same bits, and nothing is kept.
  @Test(arguments: shapes + [(130, 200, 9), (1000, 700, 130)])
  func turnedPanelsGiveTheSame(shape: (rows: Int, columns: Int, count: Int)) {
    let w = Matrix(
      rows: shape.rows, columns: shape.columns,
      elements: FrozenMatrixTests.values(shape.rows * shape.columns, seed: 1))
    let x = FrozenMatrixTests.values(shape.count * shape.rows, seed: 2)
    let start = FrozenMatrixTests.values(shape.count * shape.columns, seed: 3)
    func product(_ frozen: FrozenMatrix, keepsLayout: Bool, adding: Bool, threads: Int) -> [Float] {
      var y = start
      x.withUnsafeBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          guard let x = x.baseAddress, let y = y.baseAddress else { return }
          withThreads(threads) {
            frozen.multiply(
              ActivationRows(x, stride: shape.rows), count: shape.count, .backward, into: y,
              stride: shape.columns, adding: adding, keepsLayout: keepsLayout)
          }
        }
      }
      return y
    }
    let turning = FrozenMatrix(stacking: [w])
    turning.prepare([.forward], precision: .float32)
    let bytes = turning.byteCount
    for (adding, threads) in [(false, 1), (true, 1), (false, 3)] {
      let kept = product(
        FrozenMatrix(stacking: [w]), keepsLayout: true, adding: adding, threads: 1)
      #expect(
        product(turning, keepsLayout: false, adding: adding, threads: threads) == kept)
    }
    #expect(turning.byteCount == bytes)
  }

  @Test func rowsSurviveTheLayouts() {
    let w = Matrix(rows: 70, columns: 9, elements: FrozenMatrixTests.values(630, seed: 4))
    let frozen = FrozenMatrix(stacking: [w])
    func row(_ index: Int) -> [Float] {
      var result = [Float](repeating: 0, count: 9)
      result.withUnsafeMutableBufferPointer { target in
        if let target = target.baseAddress { #expect(frozen.copyRow(index, to: target)) }
      }
      return result
    }
    let before = (0..<70).flatMap(row)
    #expect(before == w.elements)
    let x = FrozenMatrixTests.values(9, seed: 5)
    var y = [Float](repeating: 0, count: 70)
    x.withUnsafeBufferPointer { x in
      y.withUnsafeMutableBufferPointer { y in
        guard let x = x.baseAddress, let y = y.baseAddress else { return }
        frozen.multiply(
          ActivationRows(x, stride: 9), count: 1, .forward, into: y, stride: 70)
      }
    }
    #expect((0..<70).flatMap(row) == w.elements)
  }

  /// What was let go of is not copied, and comes again as it was; rows in bfloat16 are those that products see.
  @Test(arguments: [9, 10])
  func rowsOfWhatWasLetGoOf(columns: Int) throws {
    let w = Matrix(
      rows: 70, columns: columns, elements: FrozenMatrixTests.values(70 * columns, seed: 4))
    let frozen = FrozenMatrix(stacking: [w])
    func rows(_ copy: (Int, UnsafeMutablePointer<Float>) -> Void) -> [Float] {
      var result = [Float](repeating: 0, count: 70 * columns)
      result.withUnsafeMutableBufferPointer { target in
        guard let target = target.baseAddress else { return }
        for row in 0..<70 { copy(row, target + row * columns) }
      }
      return result
    }
    frozen.prepare([.forward, .backward], precision: .bfloat16)
    frozen.dropFloats()
    #expect(!frozen.serves(.float32))
    func copied() -> (all: Bool, none: Bool, values: [Float]) {
      var found: [Bool] = []
      let values = rows { found.append(frozen.copyRow($0, to: $1)) }
      return (!found.contains(false), !found.contains(true), values)
    }
    #expect(copied().none && copied().values.allSatisfy { $0 == 0 })
    let rounded = rows { frozen.copyRoundedRow($0, to: $1) }
    for (value, exact) in zip(rounded, w.elements) {
      #expect(value.bitPattern & 0xFFFF == 0 && abs(value - exact) <= abs(exact) / 256)
    }
    try frozen.fill(laidOutFor: [.forward]) { filling in
      filling.place(
        0, Matrix(rows: 48, columns: columns, elements: Array(w.elements[..<(48 * columns)])))
      filling.place(
        48, Matrix(rows: 22, columns: columns, elements: Array(w.elements[(48 * columns)...])))
    }
    #expect(copied().all && copied().values == w.elements)
  }

  /// A view from an odd column reads pairs that begin there.
  @Test func aViewMayBeginAtAnyColumn() {
    let w = Matrix(rows: 5, columns: 4, elements: FrozenMatrixTests.values(20, seed: 6))
    let x = FrozenMatrixTests.values(3 * 7, seed: 7)
    let frozen = FrozenMatrix(stacking: [w])
    let memory = UnsafeMutablePointer<UInt16>.allocate(
      capacity: ActivationRows.roundedCount(rows: 3, columns: 7))
    defer { memory.deallocate() }
    var y = [Float](repeating: 0, count: 15)
    x.withUnsafeBufferPointer { x in
      y.withUnsafeMutableBufferPointer { y in
        guard let x = x.baseAddress, let y = y.baseAddress else { return }
        let rows = ActivationRows(x, rows: 3, columns: 7, stride: 7, roundedInto: memory)
        frozen.multiply(rows.dropping(columns: 3), count: 3, .forward, into: y, stride: 5)
      }
    }
    let part = (0..<3).flatMap { Array(x[$0 * 7 + 3..<$0 * 7 + 7]) }
    let expected = FrozenMatrixTests.expected(
      w, part, [Float](repeating: 0, count: 15), 3, .forward)
    #expect(relativeError(y.map(Double.init), expected) < 6e-3)
  }

  /// Laid out part by part as they come, parts that begin anywhere: the bits of a matrix that is stacked first.
  @Test(
    arguments: [(1, 1), (7, 5), (64, 16), (130, 33), (200, 80)],
    [ProductPrecision.float32, .bfloat16])
  func partsAreLaidOutAsTheyCome(shape: (rows: Int, columns: Int), precision: ProductPrecision)
    throws
  {
    let (rows, columns) = shape
    let w = Matrix(
      rows: rows, columns: columns,
      elements: FrozenMatrixTests.values(rows * columns, seed: 11))
    let cuts = [0, rows / 3, rows / 2, rows]
    let parts = zip(cuts, cuts.dropFirst()).map { w.selectingRows(Array($0..<$1)) }
    let whole = FrozenMatrix(stacking: [w])
    let orders: [Set<FrozenMatrix.Order>] = [[.forward], [.backward], [.forward, .backward]]
    for orders in orders {
      let frozen = try FrozenMatrix(
        rows: rows, columns: columns, laidOutFor: orders, in: precision
      ) { (filling) throws(Fault) in
        for (first, part) in zip(cuts, parts).reversed() { filling.place(first, part) }
      }
      for order in orders {
        let x = FrozenMatrixTests.values(
          5 * (order == .forward ? columns : rows), seed: 12)
        let expected = product(whole, x, 5, order, precision)
        #expect(product(frozen, x, 5, order, precision) == expected)
      }
    }
  }

  /// `x` `[count, …]` times a matrix.
  private func product(
    _ matrix: FrozenMatrix, _ x: [Float], _ count: Int, _ order: FrozenMatrix.Order,
    _ precision: ProductPrecision
  ) -> [Float] {
    let (width, depth) =
      order == .forward ? (matrix.rows, matrix.columns) : (matrix.columns, matrix.rows)
    var y = [Float](repeating: .nan, count: count * width)
    let memory = UnsafeMutablePointer<UInt16>.allocate(
      capacity: ActivationRows.roundedCount(rows: count, columns: depth))
    defer { memory.deallocate() }
    x.withUnsafeBufferPointer { x in
      guard let x = x.baseAddress else { return }
      let rows =
        precision == .float32
        ? ActivationRows(x, stride: depth)
        : ActivationRows(x, rows: count, columns: depth, stride: depth, roundedInto: memory)
      matrix.multiply(rows, count: count, order, into: &y, stride: width)
    }
    return y
  }
}
