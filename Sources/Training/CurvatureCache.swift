package import Checkpoints
package import Evaluation
public import Faults
public import Files
import Glibc
import LinearAlgebra
package import Models

/// Second moments of base models on disk, one file for a base, its examples and a seed (`formats/tuning.md` §5).
///
/// Safe to share between processes and to delete at any time: a file that is missing or damaged costs a calibration.
public final class CurvatureCache: Sendable {
  /// Where the entries lie, and what bounds them.
  public let directory: CacheDirectory

  /// Tokens and rows, each a little-endian 64-bit number.
  private static let headByteCount = 16
  private static let digestByteCount = 32

  /// The cache in `directory`.
  public init(_ directory: CacheDirectory) { self.directory = directory }

  /// The entries, by digest; throws as ``CacheDirectory/entries(_:)``.
  public func entries() throws(Fault) -> [CacheEntry] { try directory.entries([.moments]) }

  /// Names second moments: the model, the tokens in order, the seed, and what changes the last bits of products.
  package static func key(
    model: SHA256Digest, examples: [TokenizedExample], seed: UInt64
  ) -> SHA256Digest {
    var hasher = SHA256Hasher()
    hasher.update(model.bytes)
    hasher.update(
      Array(
        "\(OpenBLAS.coreName) \(CPUKernels.name) \(seed) \(CurvatureCollector.rowLimit)".utf8))
    for example in examples { example.update(&hasher) }
    return hasher.finalize()
  }

  /// The rows kept under `key`; nil where there is no file, or one that is not as it was written.
  package func read(
    _ key: SHA256Digest, _ configuration: DecoderConfiguration
  ) -> CurvatureRows? {
    let path = directory.path(.moments, key)
    guard Paths.kind(of: path) == .file, let file = try? InputFile(path),
      file.byteCount > CurvatureCache.headByteCount + CurvatureCache.digestByteCount,
      let head = try? file.read(at: 0, count: CurvatureCache.headByteCount)
    else { return nil }
    let numbers = [head.prefix(8), head.suffix(8)].map { bytes in
      bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    }
    let end = file.byteCount - CurvatureCache.digestByteCount
    guard let tokens = Int(exactly: numbers[0]), let rows = Int(exactly: numbers[1]),
      // A row has at least a byte, so that nothing is multiplied that the file could not hold.
      rows <= file.byteCount,
      CurvatureRows.byteCount(configuration, rowCount: 1).multipliedReportingOverflow(by: rows)
        == (end - CurvatureCache.headByteCount, false)
    else { return nil }
    var hasher = SHA256Hasher()
    hasher.update(key.bytes)
    var offset = 0
    while offset < end {
      let count = min(1 << 20, end - offset)
      guard !Interruption.isRequested, let bytes = try? file.read(at: offset, count: count) else {
        return nil
      }
      hasher.update(bytes)
      offset += count
    }
    guard
      let digest = try? file.read(at: end, count: CurvatureCache.digestByteCount),
      hasher.finalize().bytes == digest
    else { return nil }
    directory.noteUse(of: path)
    // The file stays readable while it is open, whoever removes its name.
    return CurvatureRows(
      file: file, offset: CurvatureCache.headByteCount, configuration, tokenCount: tokens,
      rowCount: rows)
  }

  /// Keeps `rows` under `key`, which may remove others.
  ///
  /// - Throws: 71 `CACHE-LIMIT`; what writing a file throws. Nothing is lost but time.
  package func write(
    _ rows: CurvatureRows, for key: SHA256Digest, _ configuration: DecoderConfiguration
  ) throws(Fault) {
    let byteCount =
      CurvatureCache.headByteCount + CurvatureCache.digestByteCount
      + CurvatureRows.byteCount(configuration, rowCount: rows.rowCount)
    let path = directory.path(.moments, key)
    try directory.makeRoom(for: path, byteCount)
    try AtomicFile.write(path, expectedByteCount: byteCount) { (sink) throws(Fault) in
      var hasher = SHA256Hasher()
      hasher.update(key.bytes)
      func append(_ bytes: UnsafeRawBufferPointer) throws(Fault) {
        try Interruption.check()
        hasher.update(bytes)
        try sink.append(bytes)
      }
      let head = [rows.tokenCount, rows.rowCount].map { UInt64($0).littleEndian }
      let result = head.withUnsafeBytes { bytes in
        Result { () throws(Fault) in try append(bytes) }
      }
      try result.get()
      try rows.forEachSide(of: configuration, append)
      try sink.append(hasher.finalize().bytes)
    }
  }

  /// Keeps other processes from computing what `key` names, until the value is released; waits for one that does.
  ///
  /// - Returns: nil where nothing can be locked there: then both compute, and write the same.
  /// - Throws: `RUN-STOPPED`.
  package func lock(_ key: SHA256Digest) throws(Fault) -> OutputLock? {
    guard (try? Paths.makeDirectory(directory.folder(.moments))) != nil else { return nil }
    while true {
      do throws(Fault) {
        return try OutputLock(file: directory.path(.moments, key))
      } catch {
        guard error.code == "LOCK-HELD" else { return nil }
      }
      try Interruption.check()
      usleep(100_000)
    }
  }
}
