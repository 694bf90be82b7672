import Checkpoints
import Faults
import Tensors

/// Gives the matrix of a Hugging Face name, which has `rows` and `columns`, some rows at a time: all in their order, with the
/// number of the first of each piece.
typealias RowReading = (
  _ name: String, _ rows: Int, _ columns: Int,
  _ take: (_ first: Int, _ rows: Matrix<Float>) throws(Fault) -> Void
) throws(Fault) -> Void

/// The same again and again, on any thread.
struct RowSource: Sendable {
  /// Reads one matrix.
  let read:
    @Sendable (
      _ name: String, _ rows: Int, _ columns: Int,
      _ take: (_ first: Int, _ rows: Matrix<Float>) throws(Fault) -> Void
    ) throws(Fault) -> Void
  /// Reads some rows of one matrix, where the file has them without the others; of one matrix always or never.
  let some: @Sendable (_ name: String, _ rows: Range<Int>) throws(Fault) -> [Float]?

  /// Whole matrices, which must have the shape that the model needs.
  init(_ matrix: @escaping @Sendable (String) throws(Fault) -> Matrix<Float>) {
    read = { (name, rows, columns, take) throws(Fault) in
      try take(0, try DecoderWeights.checked(name, rows: rows, columns: columns, matrix))
    }
    some = { (_, _) throws(Fault) in nil }
  }

  /// A base whose shapes were compared with the model when it was opened, some rows at a time.
  init(_ base: BaseCheckpoint) {
    read = { (name, _, _, take) throws(Fault) in try base.eachRows(of: name, take) }
    some = { (name, rows) throws(Fault) in try base.rows(rows, of: name) }
  }
}
