public import Checkpoints
public import Faults
import Files
import Synchronization

/// Collects ``CurvatureRows`` during backward passes of several decoders at once.
///
/// Batches may come in any order and at the same time: each has rows of its own, and the bits depend on the batches and
/// the seed alone.
public final class CurvatureCollector: Sendable {
  /// Rows of one side of a module: `golden/recovery/NOTES.md`, "Second moments by rows", has the measurements.
  public static let rowLimit = 1024

  private let blocks: [Block]
  private let features: [CurvatureRows.Side: Int]
  private let folding: RowFolding
  private let scratch: ScratchFile
  private let pieces = Mutex<[CurvatureRows.Side: [Int: ScratchFile.Piece]]>([:])

  /// A collector for a model of this shape.
  ///
  /// - Parameters:
  ///   - batches: The number of tokens of each batch to come.
  ///   - seed: Draws the signs of tokens that share a row.
  ///   - directory: Where the rows lie until the process ends, in a file without a name.
  /// - Throws: 73 or 75 where there is no file to be had.
  public init(
    _ configuration: DecoderConfiguration, batches: [Int], seed: UInt64,
    scratch directory: String, rowLimit: Int = CurvatureCollector.rowLimit
  ) throws(Fault) {
    blocks = configuration.blocks
    features = Dictionary(
      uniqueKeysWithValues: CurvatureRows.sides(of: configuration).map { ($0.side, $0.features) })
    folding = RowFolding(batches: batches, rowLimit: rowLimit, seed: seed)
    scratch = try ScratchFile(in: directory)
  }

  /// Bytes on disk that the rows of all modules will take.
  public var byteCount: Int {
    features.values.reduce(0, +) * folding.rowCount * MemoryLayout<UInt16>.size
  }

  /// What the backward pass of batch `number` adds to.
  public func accumulator(batch number: Int) -> CurvatureAccumulator {
    CurvatureAccumulator(self, batch: number)
  }

  /// What has been seen, once all batches are through.
  public var rows: CurvatureRows {
    CurvatureRows(
      .scratch(
        scratch,
        pieces.withLock { pieces in
          pieces.mapValues { batches in batches.sorted { $0.key < $1.key }.map(\.value) }
        }), blocks: blocks, tokenCount: folding.tokenCount, rowCount: folding.rowCount)
  }

  /// Keeps rows of the module's inputs `[tokens, in]`, unless another one has the same, and of its output gradients
  /// `[tokens, out]`, which lie in rows of `stride`.
  func add(
    _ layer: Int, _ kind: LinearKind, batch: Int, input: UnsafePointer<Float>,
    gradient: UnsafePointer<Float>, stride: Int
  ) throws(Fault) {
    let inputSide = CurvatureRows.Side(layer: layer, kind: kind, end: .input)
    if let width = features[inputSide] {
      try keep(
        inputSide, batch, folding.rows(batch: batch, of: input, features: width, stride: width))
    }
    let outputSide = CurvatureRows.Side(layer: layer, kind: kind, end: .output)
    if let width = features[outputSide] {
      try keep(
        outputSide, batch, folding.rows(batch: batch, of: gradient, features: width, stride: stride)
      )
    }
  }

  private func keep(
    _ side: CurvatureRows.Side, _ batch: Int, _ rows: [UInt16]
  ) throws(Fault) {
    let result = rows.withUnsafeBytes { bytes in
      Result { () throws(Fault) in try scratch.append(bytes) }
    }
    let piece = try result.get()
    pieces.withLock { $0[side, default: [:]][batch] = piece }
  }
}
