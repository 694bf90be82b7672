import Faults
import LinearAlgebra
import Tensors

/// Coordinates of a span that depend on the span alone (`formats/xsbases.md` §2).
///
/// Vectors are rows here: `[count, features]`.
enum Canonical {
  /// The seed of Ω inside clusters; the stream is the cluster's first index plus one.
  static let clusterSeed: UInt64 = 0x5853_5052_6573_73

  /// Makes the entry of largest magnitude of each output vector positive.
  ///
  /// Of entries within 1e-12 of the largest the first decides, so that a last-bit difference cannot.
  static func fixSigns(output: inout Matrix<Double>, input: inout Matrix<Double>) {
    for row in 0..<output.rows {
      let range = row * output.columns..<(row + 1) * output.columns
      var largest = 0.0
      for index in range { largest = max(largest, abs(output.elements[index])) }
      guard let decisive = range.first(where: { abs(output.elements[$0]) >= largest - 1e-12 }),
        output.elements[decisive] < 0
      else { continue }
      for index in range { output.elements[index].negate() }
      for index in row * input.columns..<(row + 1) * input.columns {
        input.elements[index].negate()
      }
    }
  }

  /// Gives every cluster its canonical coordinates.
  static func resolveClusters(
    _ clusters: [Range<Int>], output: inout Matrix<Double>, input: inout Matrix<Double>
  ) throws(Fault) {
    for cluster in clusters {
      let indices = Array(cluster)
      let rotation = try rotation(
        of: input.selectingRows(indices), seed: clusterSeed, stream: UInt64(cluster.lowerBound) + 1)
      output.replaceRows(
        cluster, with: rotation.orthogonal.times(output.selectingRows(indices), transposeSelf: true)
      )
      input.replaceRows(
        cluster, with: rotation.orthogonal.times(input.selectingRows(indices), transposeSelf: true))
    }
  }

  /// `Q = polar(V_rᵀ Ω)` with Ω `[inFeatures, count]` standard normal, filled row by row.
  ///
  /// `V_r Q` is the same for every orthonormal basis `V_r` of one span: with `V_r P` in place of
  /// `V_r`, `polar(Pᵀ V_rᵀ Ω) = Pᵀ Q`.
  static func rotation(
    of inputRows: Matrix<Double>, seed: UInt64, stream: UInt64
  ) throws(Fault) -> Polar {
    var generator = SeededGenerator(seed: seed, stream: stream)
    let omega = Matrix<Double>(
      rows: inputRows.columns, columns: inputRows.rows,
      elements: generator.normals(inputRows.columns * inputRows.rows))
    return try Polar(inputRows.times(omega))
  }
}

extension Matrix where Scalar == Double {
  fileprivate mutating func replaceRows(_ range: Range<Int>, with rows: Matrix<Double>) {
    elements.replaceSubrange(
      range.lowerBound * columns..<range.upperBound * columns, with: rows.elements)
  }
}
