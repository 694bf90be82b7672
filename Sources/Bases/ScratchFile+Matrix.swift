package import Faults
package import Files
package import Tensors

/// Matrices in a file without a name.
extension ScratchFile {
  /// Writes the elements of `matrix`.
  ///
  /// - Throws: 75 where the disk is full.
  package func append(_ matrix: Matrix<Float>) throws(Fault) -> Piece {
    let result = matrix.elements.withUnsafeBytes { bytes in
      Result { () throws(Fault) in try append(bytes) }
    }
    return try result.get()
  }

  /// The matrix that was written as `piece`.
  ///
  /// - Throws: 74 where the file does not give it back.
  package func matrix(rows: Int, columns: Int, _ piece: Piece) throws(Fault) -> Matrix<Float> {
    var failure: Fault?
    let elements = [Float](unsafeUninitializedCapacity: rows * columns) { buffer, initialized in
      do throws(Fault) {
        try read(piece, into: UnsafeMutableRawBufferPointer(buffer))
        initialized = rows * columns
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return Matrix(rows: rows, columns: columns, elements: elements)
  }
}
