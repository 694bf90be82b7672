import Checkpoints
import Foundation
import LinearAlgebra
import Models
import Tensors
import TestSupport
import Testing

@Suite struct RowFoldingTests {
  private let batches = [7, 12, 5]
  private let features = 6

  /// Inputs `[tokens, features + 2]` of one batch, of which the first columns are a module's.
  private func tokens(_ batch: Int) -> Matrix<Float> {
    var generator = SeededGenerator(seed: 40 + UInt64(batch))
    let count = batches[batch] * (features + 2)
    return Matrix(
      rows: batches[batch], columns: features + 2,
      elements: generator.normals(count).map { Float($0) })
  }

  /// `RᵀR` over all batches.
  private func moment(_ folding: RowFolding) -> Matrix<Float> {
    var rows: [Float] = []
    for batch in batches.indices {
      let x = tokens(batch)
      x.elements.withUnsafeBufferPointer { x in
        guard let start = x.baseAddress else { return }
        let found = folding.rows(batch: batch, of: start, features: features, stride: features + 2)
        #expect(found.count == folding.rowCount(batch: batch) * features)
        rows += found.map { HalfPrecision.float(brain: $0) }
      }
    }
    let matrix = Matrix(rows: rows.count / features, columns: features, elements: rows)
    return matrix.times(matrix, transposeSelf: true)
  }

  private var exact: Matrix<Float> {
    var sum = Matrix<Float>(rows: features, columns: features)
    for batch in batches.indices {
      let x = tokens(batch)
      for i in 0..<features {
        for j in 0..<features {
          for token in 0..<x.rows { sum[i, j] += x[token, i] * x[token, j] }
        }
      }
    }
    return sum
  }

  @Test func fewTokensAreRowsOfTheirOwn() {
    let folding = RowFolding(batches: batches, rowLimit: 24, seed: 1)
    #expect(folding.tokensPerRow == 1 && folding.rowCount == 24)
    let (found, exact) = (moment(folding), exact)
    for (value, wanted) in zip(found.elements, exact.elements) {
      #expect(abs(value - wanted) < 0.01 * exact[0, 0])
    }
  }

  /// Sums of three tokens: right on average over the signs, and never further off than signs explain.
  @Test func manyTokensAreRightOnAverage() {
    let exact = exact
    var mean = Matrix<Float>(rows: features, columns: features)
    let draws = 400
    for seed in 0..<UInt64(draws) {
      let folding = RowFolding(batches: batches, rowLimit: 8, seed: seed)
      #expect(folding.tokensPerRow == 3 && folding.rowCount == 3 + 4 + 2)
      let found = moment(folding)
      for index in mean.elements.indices {
        mean.elements[index] += found.elements[index] / Float(draws)
      }
    }
    // A quadratic form's standard deviation is √(2/9) of it at most; 400 draws leave a twentieth of that.
    for (value, wanted) in zip(mean.elements, exact.elements) {
      #expect(abs(value - wanted) < 4 * 0.024 * exact[0, 0] * 2)
    }
  }

  /// The rows of a module whose batches come in parts are those of whole batches, to the bit.
  @Test(arguments: [1, 3, 24, 1000]) func partsGiveTheSameRows(rowLimit: Int) throws {
    let base = try BaseCheckpoint.open(Checkout.path("golden/tiny/model"))
    let weights = try DecoderWeights(base: base)
    let sequences = (0..<6).map { index in (0..<5 + 3 * index).map { Int32((7 * $0 + index) % 64) }
    }
    let modules = base.linearModules
    func rows(parts: [Range<Int>]) throws -> [[Float]?] {
      let collector = try CurvatureCollector(
        base.configuration, batches: [sequences.reduce(0) { $0 + $1.count }], seed: 2,
        scratch: NSTemporaryDirectory(), rowLimit: rowLimit)
      let accumulator = collector.accumulator(batch: 0)
      let decoder = Decoder(weights: weights, threads: 2)
      var generator = SeededGenerator(seed: 9)
      for part in parts {
        var batch = TokenBatch()
        for sequence in sequences[part] { batch.append(all: sequence) }
        let hidden = try decoder.forward(batch, recording: true)
        _ = try decoder.backward(
          decoder.head.sampledGradient(hidden, generator: &generator), curvature: accumulator)
      }
      let rows = collector.rows
      return try modules.flatMap {
        [try rows.inputRows($0)?.elements, try rows.outputRows($0)?.elements]
      }
    }
    let whole = try rows(parts: [0..<6])
    #expect(whole.allSatisfy { $0?.contains { $0 != 0 } == true })
    #expect(try rows(parts: [0..<1, 1..<4, 4..<6]) == whole)
  }

  @Test func noTokensAreNoRows() {
    let folding = RowFolding(batches: [0, 0], rowLimit: 8, seed: 0)
    #expect(folding.rowCount == 0)
    #expect(RowFolding(batches: [], rowLimit: 8, seed: 0).rowCount == 0)
  }
}
