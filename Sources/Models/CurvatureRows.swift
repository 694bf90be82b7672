public import Checkpoints
public import Faults
import Files
public import Tensors

/// The inputs `x` and output gradients `g` of every linear module over the calibration tokens, as rows `R` on disk with
/// `RᵀR` for `C = E[x xᵀ]` and `G = E[g gᵀ]` of the Kronecker-factored fit.
///
/// Some 1,000 rows a module at most (``RowFolding``), in BF16, in a file without a name: memory grows neither with the model nor
/// with threads. Modules that share an input (q, k, v; gate, up: those of one ``Block/Product``) share its rows. A
/// module's rows are read when they are asked for.
public struct CurvatureRows: Sendable {
  /// One side of a module.
  struct Side: Hashable {
    enum End: Hashable { case input, output }

    let layer: Int
    let kind: LinearKind
    let end: End
  }

  private let scratch: ScratchFile
  /// Where each side's rows lie, batch by batch.
  private let pieces: [Side: [ScratchFile.Piece]]
  private let blocks: [Block]
  /// Tokens seen.
  public let tokenCount: Int

  init(
    scratch: ScratchFile, pieces: [Side: [ScratchFile.Piece]], blocks: [Block], tokenCount: Int
  ) {
    self.scratch = scratch
    self.pieces = pieces
    self.blocks = blocks
    self.tokenCount = tokenCount
  }

  /// Rows `R` of a module's inputs with `RᵀR = C`, `[rows, in]`, or nil where nothing was seen.
  ///
  /// - Throws: 74 where the file does not give them back.
  public func inputRows(_ module: LinearModule) throws(Fault) -> Matrix<Float>? {
    let owner = blocks[module.layer].inputOwner(module.kind)
    return try rows(
      Side(layer: module.layer, kind: owner, end: .input), features: module.inFeatures)
  }

  /// Rows `R` of the gradients at a module's outputs with `RᵀR = G`, `[rows, out]`, or nil where nothing was seen.
  ///
  /// - Throws: 74 where the file does not give them back.
  public func outputRows(_ module: LinearModule) throws(Fault) -> Matrix<Float>? {
    try rows(
      Side(layer: module.layer, kind: module.kind, end: .output), features: module.outFeatures)
  }

  private func rows(_ side: Side, features: Int) throws(Fault) -> Matrix<Float>? {
    guard let pieces = pieces[side] else { return nil }
    let scale = 1 / Float(max(tokenCount, 1)).squareRoot()
    let count = pieces.reduce(0) { $0 + $1.byteCount } / MemoryLayout<UInt16>.size
    var elements: [Float] = []
    elements.reserveCapacity(count)
    for piece in pieces {
      var values = [UInt16](repeating: 0, count: piece.byteCount / MemoryLayout<UInt16>.size)
      let result = values.withUnsafeMutableBytes { bytes in
        Result { () throws(Fault) in try scratch.read(piece, into: bytes) }
      }
      try result.get()
      for value in values { elements.append(HalfPrecision.float(brain: value) * scale) }
    }
    return Matrix(rows: count / features, columns: features, elements: elements)
  }
}
