import Faults
import LinearAlgebra

/// Token embeddings `[vocabulary, d]`, a row at a time: from memory where they lie there in Float32, else from the file.
///
/// Nothing is multiplied with them unless they are the head too, and passes in bfloat16 do without that in Float32. Where blocks
/// are decoded for every pass, a matrix that may be as large as ten of them is not held for the few rows of a text.
struct EmbeddingTable: Sendable {
  /// The whole matrix, where it is held; that of the head where they are one.
  let matrix: FrozenMatrix?
  private let name: String
  /// What gives rows without the matrix; nil where nothing does.
  private let source: RowSource?

  /// The matrix of tensor `name`.
  ///
  /// - Parameters:
  ///   - source: Where it can be read again.
  ///   - isNeeded: Whether the matrix is held although rows of it can be read.
  ///   - load: Gives the matrix.
  /// - Throws: what `load` and reading a row throw.
  init(
    _ name: String, source: RowSource?, isNeeded: Bool, load: () throws(Fault) -> FrozenMatrix
  ) throws(Fault) {
    self.name = name
    self.source = try source?.some(name, 0..<1) == nil ? nil : source
    matrix = isNeeded || self.source == nil ? try load() : nil
  }

  /// Whether rows are there without the matrix.
  var isReadable: Bool { source != nil }

  /// Copies the embedding of `token` to `target` `[d]`.
  ///
  /// - Throws: what reading it throws.
  func copyRow(_ token: Int, to target: UnsafeMutablePointer<Float>) throws(Fault) {
    if let matrix, matrix.copyRow(token, to: target) { return }
    guard let row = try source?.some(name, token..<token + 1) else {
      preconditionFailure("the embeddings were let go of")
    }
    target.update(from: row, count: row.count)
  }
}
