import Artifacts
import Faults
import Projection
import Tensors

/// A latent as an artifact stores it: the rows of the base's directions in the job's storage, those of a residual beside
/// its vectors.
struct LatentRounding: Sendable {
  let storage: LatentStorage
  var coarsening = Coarsening.none

  /// The parts of the `index`-th module's `latent` `[rows + pairs, columns + pairs]`.
  func store(
    _ index: Int, _ latent: Matrix<Float>, residual: ResidualPairs?
  ) throws(Fault) -> (latent: StoredLatent, residual: StoredResidual?) {
    guard let residual else {
      return (
        try StoredLatent(latent, storage: storage, coarsening: coarsening[index]), nil
      )
    }
    let rows = latent.rows - residual.count
    return (
      try StoredLatent(
        latent.selectingRows(Array(0..<rows)), storage: storage,
        coarsening: coarsening[index]),
      try StoredResidual(
        output: residual.output, input: residual.input,
        rows: latent.selectingRows(Array(rows..<latent.rows)))
    )
  }

  /// The latent that a loader will see.
  func roundTrip(
    _ index: Int, _ latent: Matrix<Float>, residual: ResidualPairs?
  ) throws(Fault) -> Matrix<Float> {
    let parts = try store(index, latent, residual: residual)
    return Matrix(
      rows: latent.rows, columns: latent.columns,
      elements: parts.latent.matrix.elements + (parts.residual?.rows ?? []))
  }
}
