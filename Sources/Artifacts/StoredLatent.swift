import Compression
public import Faults
public import Tensors

/// One latent matrix as it is stored: codes and scales, or rounded numbers (`formats/loraxs.md` §5).
public struct StoredLatent: Sendable, Hashable {
  /// How.
  public let storage: LatentStorage
  /// Rows, the directions of the output side.
  public let rows: Int
  /// Columns, the directions of the input side.
  public let columns: Int
  /// Quantised numbers, row-major; empty for floating storage.
  public let codes: [Int8]
  /// One byte per column; empty for floating storage.
  public let scaleCodes: [UInt8]
  /// Rounded numbers, row-major; empty for quantised storage.
  public let values: [Float]

  init(
    storage: LatentStorage, rows: Int, columns: Int, codes: [Int8] = [], scaleCodes: [UInt8] = [],
    values: [Float] = []
  ) {
    self.storage = storage
    self.rows = rows
    self.columns = columns
    self.codes = codes
    self.scaleCodes = scaleCodes
    self.values = values
  }

  /// Stores a matrix.
  ///
  /// For quantised storage each column's scale is the one with the smallest squared error `Σᵢ wᵢ (mᵢⱼ − s·qᵢⱼ)²`.
  /// What was stored once is stored again without loss.
  ///
  /// - Parameters:
  ///   - matrix: The latent, `[rows, columns]`.
  ///   - largestCode: A smaller limit on the codes, which then compress better; nil for the storage's
  ///     own.
  ///   - rowWeights: `w`, one per row; nil for ones.
  ///   - coarsening: Eighths of an octave by which scales are larger than the best; larger error, fewer bytes.
  /// - Throws: 65 `VAL-RANGE` when a number is not finite or beyond the storage.
  public init(
    _ matrix: Matrix<Float>, storage: LatentStorage, largestCode: Int? = nil,
    rowWeights: [Double]? = nil, coarsening: Int = 0
  ) throws(Fault) {
    if let index = matrix.elements.firstIndex(where: { !$0.isFinite }) {
      throw Fault(.badData, "VAL-RANGE", "latent element \(index) is \(matrix.elements[index])")
    }
    self.storage = storage
    rows = matrix.rows
    columns = matrix.columns
    guard storage.isQuantised else {
      values = try StoredLatent.rounded(matrix.elements, storage)
      codes = []
      scaleCodes = []
      return
    }
    let quantiser = ColumnQuantiser(
      limit: max(1, min(largestCode ?? storage.largestCode, storage.largestCode)),
      weights: rowWeights?.map { Float($0) } ?? Array(repeating: 1, count: matrix.rows))
    var codes = [Int8](repeating: 0, count: matrix.elements.count)
    var scaleCodes = [UInt8](repeating: 0, count: matrix.columns)
    for column in 0..<matrix.columns {
      let numbers = (0..<matrix.rows).map { matrix[$0, column] }
      let best = try quantiser.bestScaleCode(of: numbers)
      scaleCodes[column] = best == 0 ? 0 : UInt8(clamping: Int(best) + coarsening)
      for row in 0..<matrix.rows {
        codes[row * matrix.columns + column] = quantiser.code(
          of: numbers[row], scale: ColumnScale.value(scaleCodes[column]))
      }
    }
    self.codes = codes
    self.scaleCodes = scaleCodes
    values = []
  }

  /// The rounding of a column as ``init(_:storage:largestCode:rowWeights:coarsening:)`` would store it; numbers beyond
  /// the largest code go to it.
  ///
  /// - Throws: 65 `VAL-RANGE` when a number is beyond the storage, 70 `ART-WRITE` for storage without codes.
  public static func rounding(
    of column: [Float], storage: LatentStorage
  ) throws(Fault) -> (Float) -> Float {
    guard storage.isQuantised else {
      throw Fault(.internalError, "ART-WRITE", "\(storage.rawValue) has no codes")
    }
    let quantiser = ColumnQuantiser(
      limit: storage.largestCode, weights: Array(repeating: 1, count: column.count))
    let scale = ColumnScale.value(try quantiser.bestScaleCode(of: column))
    return { Float(quantiser.code(of: $0, scale: scale)) * scale }
  }

  /// The matrix that a loader uses, `[rows, columns]`: the accuracy of an artifact is the accuracy of
  /// this.
  public var matrix: Matrix<Float> {
    guard storage.isQuantised else {
      return Matrix(rows: rows, columns: columns, elements: values)
    }
    let scales = scaleCodes.map { ColumnScale.value($0) }
    var result = Matrix<Float>(rows: rows, columns: columns)
    for row in 0..<rows {
      for column in 0..<columns {
        let place = row * columns + column
        result.elements[place] = Float(codes[place]) * scales[column]
      }
    }
    return result
  }

  /// Bytes of codes and scales, or of rounded numbers, before compression.
  public var byteCount: Int {
    storage.isQuantised
      ? CodePacking(storage).byteCount(of: codes.count) + scaleCodes.count
      : values.count * storage.dtype.byteCount
  }

  /// Bytes of codes and scales of `latents`, all of one storage with codes, one after the other behind an artifact's coder.
  ///
  /// - Throws: what compressing throws.
  package static func compressedByteCount(of latents: [StoredLatent]) throws(Fault) -> Int {
    guard let storage = latents.first?.storage else { return 0 }
    precondition(storage.isQuantised && latents.allSatisfy { $0.storage == storage })
    let codes = CodePacking(storage).pack(latents.flatMap(\.codes))
    return try Zstd.compress(
      codes + latents.flatMap(\.scaleCodes), boundaries: [codes.count]
    ).count
  }

  private static func rounded(
    _ values: [Float], _ storage: LatentStorage
  ) throws(Fault) -> [Float] {
    let rounded =
      switch storage {
      case .f16: values.map { HalfPrecision.float(half: HalfPrecision.half($0)) }
      case .bf16: values.map { HalfPrecision.float(brain: HalfPrecision.brain($0)) }
      default: values
      }
    if let index = rounded.firstIndex(where: { !$0.isFinite }) {
      throw Fault(
        .badData, "VAL-RANGE",
        "latent element \(index) = \(values[index]) is beyond \(storage.rawValue)")
    }
    return rounded
  }
}
