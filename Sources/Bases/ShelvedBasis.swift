public import Faults
package import Files
public import Tensors

/// A module's factors, in memory or on disk, whence they are read when somebody needs them.
///
/// Those of a tall choice of directions are half as large as the base itself, and a job compares several choices.
public struct ShelvedBasis: Sendable {
  /// The factors, or what is known of them without.
  private let basis: ModuleBasis
  private let place: Place?

  private struct Place: Sendable {
    let file: ScratchFile
    let output: Piece
    let input: Piece

    struct Piece: Sendable {
      let rows: Int
      let columns: Int
      let place: ScratchFile.Piece
    }
  }

  /// Factors in memory.
  public init(_ basis: ModuleBasis) {
    self.basis = basis
    place = nil
  }

  /// Factors in `file`, as long as the value or the file is there.
  ///
  /// - Throws: 75 where the disk is full.
  package init(_ basis: ModuleBasis, in file: ScratchFile) throws(Fault) {
    func kept(_ factor: Matrix<Float>) throws(Fault) -> Place.Piece {
      Place.Piece(rows: factor.rows, columns: factor.columns, place: try file.append(factor))
    }
    place = Place(
      file: file, output: try kept(basis.outputBasis), input: try kept(basis.inputBasis))
    self.basis = basis.withoutVectors
  }

  /// How the directions were chosen.
  public var selection: BasisSelection { basis.selection }
  /// The module's name without `.weight`.
  public var moduleName: String { basis.moduleName }
  /// How many of the last columns are a stored residual's.
  public var residualCount: Int { basis.residualCount }

  /// The factors.
  ///
  /// - Throws: 74 where the file does not give them back.
  public func whole() throws(Fault) -> ModuleBasis {
    guard let place else { return basis }
    func read(_ piece: Place.Piece) throws(Fault) -> Matrix<Float> {
      try place.file.matrix(rows: piece.rows, columns: piece.columns, piece.place)
    }
    return basis.with(output: try read(place.output), input: try read(place.input))
  }

  /// The same directions of the base with another residual behind them, in memory or on disk as these are.
  ///
  /// - Throws: as ``whole()`` and ``init(_:in:)``.
  public func replacingResidual(
    output: Matrix<Float>, input: Matrix<Float>
  ) throws(Fault) -> ShelvedBasis {
    let replaced = try whole().replacingResidual(output: output, input: input)
    guard let place else { return ShelvedBasis(replaced) }
    return try ShelvedBasis(replaced, in: place.file)
  }

  /// Bytes of factors in memory.
  package var byteCount: Int { basis.byteCount }
}
