import Bases
import LinearAlgebra
import Tensors
import TestSupport
import Testing

/// The scalars that tell one basis from another (`formats/loraxs.md` §4.6).
@Suite struct ProbeTests {
  private let weight = Samples.weight(12, 20, seed: 5)

  private func latent(_ rows: Int, _ columns: Int) -> Matrix<Float> {
    Samples.weight(rows, columns, seed: 6)
  }

  private func basis() throws -> ModuleBasis {
    try SingularBasis(weight: weight, moduleName: "m").moduleBasis(
      for: .selected(output: [0, 2, 5], input: [1, 3]))
  }

  /// `(W·z)ᵀ · U · M · Vᵀ · x`, all of it formed in full.
  @Test func valueIsTheProduct() throws {
    let (basis, m) = (try basis(), latent(3, 2))
    let draw = try #require(Probe.draws(weight: weight, index: 4).first)
    let found = try #require(
      Probe.values(sides: [Probe.Sides(draw, basis: basis)], latent: m).first)
    var (expected, squares) = (0.0, (left: 0.0, right: 0.0, latent: 0.0))
    let left = (0..<3).map { k in
      (0..<12).reduce(0.0) { $0 + draw.image[$1, 0] * Double(basis.outputBasis[$1, k]) }
    }
    let right = (0..<2).map { k in
      (0..<20).reduce(0.0) { $0 + draw.direction[$1, 0] * Double(basis.inputBasis[$1, k]) }
    }
    for row in 0..<3 {
      for column in 0..<2 {
        expected += left[row] * Double(m[row, column]) * right[column]
        squares.latent += Double(m[row, column]) * Double(m[row, column])
      }
    }
    for value in left { squares.left += value * value }
    for value in right { squares.right += value * value }
    #expect(abs(found.value - expected) < 1e-10 * abs(expected))
    let scale = (squares.left * squares.right * squares.latent).squareRoot()
    #expect(abs(found.scale - scale) < 1e-10 * scale)
  }

  /// Draws are those of a place: another index draws others, the same one the same; `W·z` does not depend on the order of
  /// rows.
  @Test func drawsBelongToAPlace() throws {
    let first = try #require(Probe.draws(weight: weight, index: 0).first)
    let again = try #require(Probe.draws(weight: weight, index: 0).first)
    let other = try #require(Probe.draws(weight: weight, index: 1).first)
    #expect(first.direction == again.direction && first.image == again.image)
    #expect(first.direction != other.direction)
    let reversed = weight.selectingRows(Array((0..<12).reversed()))
    let turned = try #require(Probe.draws(weight: reversed, index: 0).first)
    #expect(turned.image.elements == first.image.elements.reversed())
  }

  /// The tolerance passes what rounding does and stops another basis.
  @Test func tellsAnotherBasisApart() throws {
    let m = latent(3, 2)
    let draws = Probe.draws(weight: weight, index: 0)
    func probe(_ basis: ModuleBasis) throws -> Probe.Value {
      try #require(
        Probe.values(sides: draws.map { Probe.Sides($0, basis: basis) }, latent: m).first)
    }
    let right = try probe(try basis())
    let wrong = try probe(
      try SingularBasis(weight: weight, moduleName: "m").moduleBasis(
        for: .selected(output: [0, 2, 6], input: [1, 3])))
    #expect(abs(Double(right.stored) - right.value) <= Probe.tolerance / 4 * right.scale)
    #expect(abs(Double(right.stored) - wrong.value) > Probe.tolerance * wrong.scale)
  }

  /// A half where it is near enough, else a float.
  @Test func storesAHalfWhereItServes() {
    let large = Probe.Value(value: 1.0005, scale: 100)
    #expect(large.stored == HalfPrecision.float(half: HalfPrecision.half(1.0005)))
    #expect(large.stored != Float(1.0005))
    let exact = Probe.Value(value: 1.0003, scale: 0.01)
    #expect(exact.stored == Float(1.0003))
  }
}
