public import Checkpoints
public import Faults
import Files
import Synchronization
import Threads

/// Collects ``CurvatureRows`` during backward passes of several decoders at once.
///
/// Batches may come in any order and at the same time: each has rows of its own, and the bits depend on the batches and
/// the seed alone, not on the parts in which a batch comes.
public final class CurvatureCollector: Sendable {
  /// Rows of one side of a module: `golden/recovery/NOTES.md`, "Second moments by rows", has the measurements.
  public static let rowLimit = 1024

  private let blocks: [Block]
  let features: [CurvatureRows.Side: Int]
  private let folding: RowFolding
  private let scratch: ScratchFile
  /// By the first row of each.
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

  /// The most bytes of sums that wait for later parts of one batch.
  public var waitingByteCount: Int {
    features.values.reduce(0, +) * folding.mostWaitingRows * MemoryLayout<Float>.size
  }

  /// What the backward passes of batch `number` add to.
  public func accumulator(batch number: Int) -> CurvatureAccumulator {
    CurvatureAccumulator(self, folding: folding, batch: number)
  }

  /// What has been seen, once all batches are through.
  public var rows: CurvatureRows {
    CurvatureRows(
      .scratch(
        scratch,
        pieces.withLock { pieces in
          pieces.mapValues { pieces in pieces.sorted { $0.key < $1.key }.map(\.value) }
        }), blocks: blocks, tokenCount: folding.tokenCount, rowCount: folding.rowCount)
  }

  /// Keeps rows of a side, the first of which is row `first` of all.
  func keep(
    _ side: CurvatureRows.Side, firstRow first: Int, _ rows: [UInt16], features: Int
  ) throws(Fault) {
    let size = features * MemoryLayout<UInt16>.size
    let result = rows.withUnsafeBytes { bytes in
      Result { () throws(Fault) in
        try shareOut(
          rows.count / features, grain: max(CurvatureCollector.writtenBytes / size, 1), over: bytes
        ) { (range, bytes) throws(Fault) in
          let part = bytes[range.lowerBound * size..<range.upperBound * size]
          let piece = try scratch.append(UnsafeRawBufferPointer(rebasing: part))
          pieces.withLock { $0[side, default: [:]][first + range.lowerBound] = piece }
        }
      }
    }
    try result.get()
  }

  /// Bytes that are worth a task of their own.
  private static let writtenBytes = 1 << 20
}
