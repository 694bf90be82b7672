import Bases
import Faults
import LinearAlgebra
import Tensors
import TestSupport
import Testing

/// Singular bases by their defining properties.
@Suite struct SingularBasisTests {
  /// Both orientations, square, a single row and column, and a wide one that needs the other side.
  static let shapes = [(24, 24), (40, 17), (17, 40), (1, 9), (9, 1), (192, 64)]

  @Test(arguments: shapes, [Convergence.Route.gram, .direct])
  func tripletsReconstructTheWeight(
    shape: (rows: Int, columns: Int), route: Convergence.Route
  ) throws {
    let weight = Samples.weight(shape.rows, shape.columns, seed: 31)
    let basis = try SingularBasis(weight: weight, moduleName: "m", route: route)
    #expect(basis.count == min(shape.rows, shape.columns))
    #expect(basis.outFeatures == shape.rows && basis.inFeatures == shape.columns)
    #expect(basis.convergence.route == route)
    #expect(basis.convergence.isAccepted)
    var scaled = basis.inputRows
    for row in 0..<basis.count {
      for column in 0..<scaled.columns { scaled[row, column] *= basis.singularValues[row] }
    }
    let product = basis.outputRows.times(scaled, transposeSelf: true)
    #expect(relativeError(product.elements, weight.elements) < 1e-11)
    #expect(Samples.defect(ofRows: basis.outputRows) < 1e-9)
    #expect(Samples.defect(ofRows: basis.inputRows) < 1e-9)
  }

  @Test(arguments: shapes)
  func agreesWithLAPACK(shape: (rows: Int, columns: Int)) throws {
    let weight = Samples.weight(shape.rows, shape.columns, seed: 32)
    let basis = try SingularBasis(weight: weight, moduleName: "m")
    let direct = try SingularBasis(weight: weight, moduleName: "m", route: .direct)
    #expect(relativeError(basis.singularValues, direct.singularValues) < 1e-12)
    // Signs are canonical, so the vectors themselves agree.
    #expect(relativeError(basis.outputRows.elements, direct.outputRows.elements) < 1e-8)
    #expect(relativeError(basis.inputRows.elements, direct.inputRows.elements) < 1e-8)
    let lapack = try SVD(weight.inDouble)
    #expect(relativeError(basis.singularValues, lapack.values) < 1e-12)
  }

  @Test func largestEntryOfOutputVectorsIsPositive() throws {
    let basis = try SingularBasis(weight: Samples.weight(13, 20, seed: 33), moduleName: "m")
    for row in 0..<basis.count {
      let vector = (0..<13).map { basis.outputRows[row, $0] }
      let largest = vector.max { abs($0) < abs($1) } ?? 0
      #expect(largest > 0)
    }
  }

  /// The Gram route loses small singular values; the test must see it and the direct route serve.
  @Test func illConditionedWeightsTakeTheDirectRoute() throws {
    let weight = try Samples.weight(
      30, 20, spectrum: (0..<20).map { pow10(-0.5 * Double($0)) }, seed: 34)
    let basis = try SingularBasis(weight: weight, moduleName: "m")
    #expect(basis.convergence.route == .direct)
    #expect(basis.convergence.isAccepted)
    #expect { try SingularBasis(weight: weight, moduleName: "m", route: .gram) } throws: {
      ($0 as? Fault)?.code == "NUM-SVD" && ($0 as? Fault)?.tensor == "m"
    }
  }

  @Test func zeroDirectionsAreLeftOut() throws {
    var weight = Samples.weight(12, 8, seed: 35)
    for row in 0..<12 {
      // Column 7 repeats column 0, column 6 is empty: rank 6 in exact arithmetic.
      weight[row, 7] = weight[row, 0]
      weight[row, 6] = 0
    }
    let basis = try SingularBasis(weight: weight, moduleName: "m")
    #expect(basis.count == 6)
    let empty = try SingularBasis(weight: Matrix(rows: 4, columns: 3), moduleName: "m")
    #expect(empty.count == 0)
    #expect(try empty.moduleBasis(for: .none).outputBasis.columns == 0)
  }

  @Test func rejectsValuesThatAreNotFinite() {
    for bad in [Float.nan, .infinity] {
      var weight = Samples.weight(4, 4, seed: 36)
      weight[2, 1] = bad
      #expect { try SingularBasis(weight: weight, moduleName: "m") } throws: {
        ($0 as? Fault)?.code == "NUM-NAN"
      }
    }
  }

  @Test func extremeScalesConverge() throws {
    for scale in [Float(1e-18), 1e18] {
      var weight = Samples.weight(16, 16, seed: 37)
      for index in weight.elements.indices { weight.elements[index] *= scale }
      #expect(try SingularBasis(weight: weight, moduleName: "m").convergence.isAccepted)
    }
  }

  private func pow10(_ exponent: Double) -> Double {
    var generator = 1.0
    for _ in 0..<Int(-exponent * 2) { generator *= 0.316_227_766_016_837_94 }
    return generator
  }
}
