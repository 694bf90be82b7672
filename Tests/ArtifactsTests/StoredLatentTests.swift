import Artifacts
import Faults
import Tensors
import TestSupport
import Testing

@Suite struct StoredLatentTests {
  private func normal(rows: Int, columns: Int, seed: UInt64, scale: Double = 0.1) -> Matrix<Float> {
    var generator = SeededGenerator(seed: seed)
    return Matrix(
      rows: rows, columns: columns,
      elements: generator.normals(rows * columns).map { Float($0 * scale) })
  }

  private func squaredError(_ found: [Float], _ expected: [Float]) -> Double {
    zip(found, expected).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
  }

  @Test(arguments: [
    (LatentStorage.f32, 0.0), (.f16, 3e-4), (.bf16, 2.5e-3), (.int8, 6e-3), (.int4, 0.11),
    (.int3, 0.22), (.int2, 0.44),
  ])
  func errorsAreThoseOfTheStorage(storage: LatentStorage, bound: Double) throws {
    for seed in UInt64(1)...5 {
      let matrix = normal(rows: 16, columns: 20, seed: seed)
      let stored = try StoredLatent(matrix, storage: storage)
      let norm = squaredError(matrix.elements, Array(repeating: 0, count: 320))
      let error = squaredError(stored.matrix.elements, matrix.elements)
      #expect((error / norm).squareRoot() <= bound)
    }
  }

  @Test func searchBeatsCoveringTheLargest() throws {
    // With 15 codes, cutting off the largest numbers pays on average.
    var searched = 0.0
    var covering = 0.0
    for seed in UInt64(1)...20 {
      let matrix = normal(rows: 32, columns: 1, seed: seed)
      let stored = try StoredLatent(matrix, storage: .int4)
      searched += squaredError(stored.matrix.elements, matrix.elements)
      let scale = (matrix.elements.map(abs).max() ?? 0) / 7
      covering += squaredError(
        matrix.elements.map { ($0 / scale).rounded() * scale }, matrix.elements)
    }
    #expect(searched < covering)
  }

  @Test func rowWeightsMoveTheErrorAway() throws {
    let matrix = normal(rows: 16, columns: 40, seed: 3)
    var weights = [Double](repeating: 1e-3, count: 16)
    weights[5] = 1
    let plain = try StoredLatent(matrix, storage: .int4).matrix
    let weighted = try StoredLatent(matrix, storage: .int4, rowWeights: weights).matrix
    func row(_ matrix: Matrix<Float>) -> [Float] { (0..<40).map { matrix[5, $0] } }
    #expect(squaredError(row(weighted), row(matrix)) < squaredError(row(plain), row(matrix)))
  }

  @Test(
    arguments: [
      (LatentStorage.int8, nil, 127), (.int4, nil, 7), (.int8, 31, 31), (.int4, 100, 7),
      (.int3, nil, 3), (.int2, nil, 1),
    ] as [(LatentStorage, Int?, Int)])
  func codesStayInRangeAndZerosStayZero(storage: LatentStorage, limit: Int?, expected: Int) throws {
    let matrix = Matrix<Float>(rows: 3, columns: 3, elements: [1, 0, -5, -1, 0, 5, 0.5, 0, 2.5])
    let stored = try StoredLatent(matrix, storage: storage, largestCode: limit)
    #expect(stored.codes.allSatisfy { abs(Int($0)) <= expected })
    #expect(stored.scaleCodes[1] == 0)
    #expect((0..<3).allSatisfy { stored.matrix[$0, 1] == 0 })
    #expect(stored.rows == 3 && stored.columns == 3)
  }

  @Test(arguments: LatentStorage.allCases, [Float.nan, .infinity, -.infinity])
  func valuesThatAreNotFinite(storage: LatentStorage, value: Float) {
    let found = fault { () throws(Fault) in
      try StoredLatent(Matrix(rows: 1, columns: 2, elements: [1, value]), storage: storage)
    }
    #expect(found?.code == "VAL-RANGE")
  }

  @Test(arguments: [
    (LatentStorage.f16, Float(70_000)), (.bf16, .greatestFiniteMagnitude), (.int8, 3000),
    (.int4, 200), (.int3, 50), (.int2, 20),
  ])
  func valuesBeyondTheStorage(storage: LatentStorage, value: Float) {
    let found = fault { () throws(Fault) in
      try StoredLatent(Matrix(rows: 1, columns: 1, elements: [value]), storage: storage)
    }
    #expect(found?.code == "VAL-RANGE")
  }

  @Test(arguments: LatentStorage.allCases, UInt64(1)...8)
  func whatIsStoredIsStoredAgainWithoutLoss(storage: LatentStorage, seed: UInt64) throws {
    // Heavy tails leave the largest codes of some columns unused.
    var matrix = normal(rows: 24, columns: 12, seed: seed)
    for index in matrix.elements.indices { matrix.elements[index] *= abs(matrix.elements[index]) }
    let once = try StoredLatent(matrix, storage: storage).matrix
    #expect(try StoredLatent(once, storage: storage).matrix == once)
  }

  @Test func tinyValuesBecomeZeroAndNothingElse() throws {
    let stored = try StoredLatent(
      Matrix(rows: 2, columns: 1, elements: [1e-30, -1e-12]), storage: .int8)
    #expect(stored.matrix.elements.allSatisfy { $0 == 0 })
  }

  @Test(arguments: [Float(1e-30), 1e-3, 0.7, 1, 3.14159, 5000, 1e30])
  func singularValuesAreWithinHalfAStep(value: Float) {
    let rounded = SingularValueGrid.rounded(value)
    #expect(abs(rounded / value - 1) < 0.0055)
    #expect(SingularValueGrid.rounded(rounded) == rounded)
  }

  @Test(arguments: [Float(0), -1, .nan, .infinity])
  func otherSingularValuesAreZero(value: Float) { #expect(SingularValueGrid.rounded(value) == 0) }
}
