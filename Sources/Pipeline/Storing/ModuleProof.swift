import Artifacts
import Bases
import Faults
import Tensors

/// What of a module's basis an artifact can be checked against: its singular values, and its sides of the probes
/// (`formats/loraxs.md` §4).
struct ModuleProof: Sendable {
  let selection: BasisSelection
  private let outputSingularValues: [Double]
  private let inputSingularValues: [Double]
  private let sides: [Probe.Sides]

  /// Singular values are stored to 64 steps an octave (`formats/loraxs.md` §4.4): within 0.55%.
  private static let singularValueTolerance = 0.01

  init(_ basis: ModuleBasis, draws: [Probe.Draw]) {
    selection = basis.selection
    outputSingularValues = basis.outputSingularValues
    inputSingularValues = basis.inputSingularValues
    sides = draws.map { Probe.Sides($0, basis: basis) }
  }

  /// The code of the singular values; nil where the directions have none.
  var valueCheck: UInt8? {
    outputSingularValues.isEmpty && selection.outputRank > 0
      ? nil : SingularValueCheck.code(output: outputSingularValues, input: inputSingularValues)
  }

  /// The probes of `latent`.
  func probes(_ latent: Matrix<Float>) -> [Probe.Value] {
    Probe.values(sides: sides, latent: latent)
  }

  /// Checks a decoded module.
  ///
  /// - Throws: `ART-BASIS` where singular values or probes disagree.
  func check(_ stored: ArtifactModule) throws(Fault) {
    let pairs =
      zip(stored.outputSingularValues, outputSingularValues).map { (Double($0), $1) }
      + zip(stored.inputSingularValues, inputSingularValues).map { (Double($0), $1) }
    for (expected, found) in pairs
    where abs(expected - found) > ModuleProof.singularValueTolerance * max(abs(expected), 1e-30) {
      throw Fault(
        .badData, "ART-BASIS", "singular value \(found), the artifact was made with \(expected)")
    }
    // Embedded bases bring no singular values.
    if let expected = stored.valueCheck, !outputSingularValues.isEmpty {
      let found = SingularValueCheck.code(
        output: outputSingularValues, input: inputSingularValues)
      guard SingularValueCheck.agree(expected, found) else {
        throw Fault(
          .badData, "ART-BASIS",
          "check of the singular values \(found), the artifact was made with \(expected): other "
            + "directions")
      }
    }
    for (expected, found) in zip(stored.probes, probes(stored.latent))
    where abs(Double(expected) - found.value) > Probe.tolerance * found.scale {
      throw Fault(
        .badData, "ART-BASIS",
        "probe \(found.value), the artifact was made with \(expected): other bases")
    }
  }
}
