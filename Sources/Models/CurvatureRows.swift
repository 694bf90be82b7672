public import Checkpoints
public import Faults
public import Files
public import Tensors

/// The inputs `x` and output gradients `g` of every linear module over the calibration tokens, as rows `R` on disk with
/// `RᵀR` for `C = E[x xᵀ]` and `G = E[g gᵀ]` of the Kronecker-factored fit.
///
/// Some 1,000 rows a module at most (``RowFolding``), in BF16, in a file without a name or in one that was kept: memory grows
/// neither with the model nor with threads. Modules that share an input (q, k, v; gate, up: those of one
/// ``Block/Product``) share its rows. A module's rows are read when they are asked for.
public struct CurvatureRows: Sendable {
  /// One side of a module.
  struct Side: Hashable {
    enum End: Hashable { case input, output }

    let layer: Int
    let kind: LinearKind
    let end: End
  }

  /// Where each side's rows lie.
  enum Store: Sendable {
    /// Batch by batch.
    case scratch(ScratchFile, [Side: [ScratchFile.Piece]])
    /// In one piece that begins at an offset.
    case file(InputFile, [Side: Int])
  }

  private let store: Store
  private let blocks: [Block]
  /// Tokens seen.
  public let tokenCount: Int
  /// Rows of every side.
  public let rowCount: Int

  init(_ store: Store, blocks: [Block], tokenCount: Int, rowCount: Int) {
    self.store = store
    self.blocks = blocks
    self.tokenCount = tokenCount
    self.rowCount = rowCount
  }

  /// The sides of a model's modules and their widths, each once, in model order.
  static func sides(
    of configuration: DecoderConfiguration
  ) -> [(side: Side, features: Int)] {
    var sides: [(side: Side, features: Int)] = []
    var known: Set<Side> = []
    func add(_ side: Side, _ features: Int) {
      if known.insert(side).inserted { sides.append((side, features)) }
    }
    for module in configuration.linearModules {
      let (layer, kind) = (module.layer, module.kind)
      add(Side(layer: layer, kind: kind, end: .output), module.outFeatures)
      let owner = configuration.blocks[layer].inputOwner(kind)
      add(Side(layer: layer, kind: owner, end: .input), module.inFeatures)
    }
    return sides
  }

  /// Rows `R` of a module's inputs with `RᵀR = C`, `[rows, in]`, or nil where nothing was seen.
  ///
  /// An expert's are those of the tokens that go to it, as if there were as many for every expert: that these are few is in G
  /// already, which is of all tokens (`formats/tuning.md` §5).
  ///
  /// - Throws: 74 where the file does not give them back.
  public func inputRows(_ module: LinearModule) throws(Fault) -> Matrix<Float>? {
    let owner = blocks[module.layer].inputOwner(module.kind)
    return try rows(
      Side(layer: module.layer, kind: owner, end: .input), features: module.inFeatures,
      weight: blocks[module.layer].tokensPerInput(module.kind))
  }

  /// Rows `R` of the gradients at a module's outputs with `RᵀR = G`, `[rows, out]`, or nil where nothing was seen.
  ///
  /// - Throws: 74 where the file does not give them back.
  public func outputRows(_ module: LinearModule) throws(Fault) -> Matrix<Float>? {
    try rows(
      Side(layer: module.layer, kind: module.kind, end: .output), features: module.outFeatures)
  }

  private func rows(
    _ side: Side, features: Int, weight: Double = 1
  ) throws(Fault) -> Matrix<Float>? {
    guard let values = try values(side, features: features) else { return nil }
    let scale = Float(weight).squareRoot() / Float(max(tokenCount, 1)).squareRoot()
    return Matrix(
      rows: values.count / features, columns: features,
      elements: values.map { HalfPrecision.float(brain: $0) * scale })
  }

  /// The rows of a side as they were kept, BF16 and not scaled.
  private func values(_ side: Side, features: Int) throws(Fault) -> [UInt16]? {
    var values: [UInt16] = []
    switch store {
    case .scratch(let file, let pieces):
      guard let pieces = pieces[side] else { return nil }
      values.reserveCapacity(pieces.reduce(0) { $0 + $1.byteCount } / MemoryLayout<UInt16>.size)
      for piece in pieces {
        values += try CurvatureRows.values(piece.byteCount) { (bytes) throws(Fault) in
          try file.read(piece, into: bytes)
        }
      }
    case .file(let file, let places):
      guard let place = places[side] else { return nil }
      values = try CurvatureRows.values(rowCount * features * MemoryLayout<UInt16>.size) {
        (bytes) throws(Fault) in
        try file.read(at: place, into: bytes)
      }
    }
    return values
  }

  private static func values(
    _ byteCount: Int, _ read: (UnsafeMutableRawBufferPointer) throws(Fault) -> Void
  ) throws(Fault) -> [UInt16] {
    var values = [UInt16](repeating: 0, count: byteCount / MemoryLayout<UInt16>.size)
    let result = values.withUnsafeMutableBytes { bytes in
      Result { () throws(Fault) in try read(bytes) }
    }
    try result.get()
    return values
  }
}

/// Rows in a file with a name (`formats/tuning.md` §5): all sides in model order, each whole.
extension CurvatureRows {
  /// Bytes of the rows of all sides.
  public static func byteCount(_ configuration: DecoderConfiguration, rowCount: Int) -> Int {
    sides(of: configuration).reduce(0) { $0 + $1.features } * rowCount * MemoryLayout<UInt16>.size
  }

  /// Gives the rows of all sides, one side at a time.
  ///
  /// - Throws: 74 where they cannot be read; what `body` throws.
  public func forEachSide(
    of configuration: DecoderConfiguration,
    _ body: (UnsafeRawBufferPointer) throws(Fault) -> Void
  ) throws(Fault) {
    for (side, features) in CurvatureRows.sides(of: configuration) {
      let values = try values(side, features: features) ?? []
      let result = values.withUnsafeBytes { bytes in
        Result { () throws(Fault) in try body(bytes) }
      }
      try result.get()
    }
  }

  /// The rows that ``forEachSide(of:_:)`` gave, behind one another from `offset` of `file` on; whoever opened it has compared its
  /// size with ``byteCount(_:rowCount:)``.
  public init(
    file: InputFile, offset: Int, _ configuration: DecoderConfiguration, tokenCount: Int,
    rowCount: Int
  ) {
    var (places, place): ([Side: Int], Int) = ([:], offset)
    for (side, features) in CurvatureRows.sides(of: configuration) {
      places[side] = place
      place += features * rowCount * MemoryLayout<UInt16>.size
    }
    self.init(
      .file(file, places), blocks: configuration.blocks, tokenCount: tokenCount,
      rowCount: rowCount)
  }
}
