import Faults
import Files
import Tensors

/// The file of a cache entry (`formats/xsbases.md` §5): private to this program and this version.
///
/// Eight 64-bit words in the machine's byte order (mark, six counts, checksum of the weight's digest and of the
/// rest), then Float64 values. A reader that finds anything else computes the basis again. The checksum is
/// against damage only: whoever may write the cache may write anything.
extension BasisCacheEntry {
  /// `XSBASIS1` as it would be read on this machine; another byte order does not match.
  private static let mark: UInt64 = 0x5853_4241_5349_5331
  private static let headerByteCount = 64

  /// Word 1 of the header: an index here.
  private static let routes: [Convergence.Route] = [.gram, .direct, .iterated]

  private var parts: [[Double]] {
    let figures =
      [
        convergence.residual, convergence.orthogonality, convergence.minimumGap,
        convergence.spanError,
      ] + singularValues
    return [figures, shortRows.elements, longRows?.elements ?? []]
  }

  /// The size of the file.
  var byteCount: Int {
    BasisCacheEntry.headerByteCount + 8 * parts.reduce(0) { $0 + $1.count }
  }

  /// Writes the entry as one file that appears whole or not at all.
  func write(_ path: String, for digest: SHA256Digest) throws(Fault) {
    let parts = self.parts
    let valueCount = parts.reduce(0) { $0 + $1.count }
    var checksum = Checksum(of: digest)
    for part in parts { checksum.update(part) }
    let counts = [
      BasisCacheEntry.routes.firstIndex(of: convergence.route) ?? 0, singularValues.count,
      shortRows.columns,
      longRows == nil ? 0 : 1, longRows?.columns ?? 0, valueCount,
    ]
    let header = [BasisCacheEntry.mark] + counts.map { UInt64($0) } + [checksum.value]
    try AtomicFile.write(
      path, expectedByteCount: byteCount
    ) { (sink) throws(Fault) in
      try sink.append(words: header)
      for part in parts { try sink.append(words: part) }
    }
  }

  /// Reads the entry of the weight with this digest; nil for anything that ``write(_:for:)`` would not have
  /// written for it, such as another weight's under its name.
  init?(reading file: InputFile, for digest: SHA256Digest) throws(Fault) {
    guard file.byteCount >= BasisCacheEntry.headerByteCount else { return nil }
    let header = try file.read(at: 0, count: BasisCacheEntry.headerByteCount)
    let words = header.withUnsafeBytes { raw in
      (0..<8).map { raw.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self) }
    }
    // 2²⁸ is far above any side of a weight and keeps the products below from overflowing.
    guard words[0] == BasisCacheEntry.mark, words[1...5].allSatisfy({ $0 < 1 << 28 }),
      words[6] < 1 << 59,
      words[1] < BasisCacheEntry.routes.count, words[4] <= 1
    else { return nil }
    let (count, short, long) = (Int(words[2]), Int(words[3]), Int(words[5]))
    let longCount = words[4] == 1 ? count * long : 0
    guard Int(words[6]) == 4 + count + count * short + longCount,
      file.byteCount == BasisCacheEntry.headerByteCount + 8 * Int(words[6])
    else { return nil }
    let figures = try file.doubles(at: BasisCacheEntry.headerByteCount, count: 4 + count)
    let shortStart = BasisCacheEntry.headerByteCount + 8 * figures.count
    let shortElements = try file.doubles(at: shortStart, count: count * short)
    let longElements = try file.doubles(at: shortStart + 8 * count * short, count: longCount)
    var checksum = Checksum(of: digest)
    for part in [figures, shortElements, longElements] { checksum.update(part) }
    guard checksum.value == words[7] else { return nil }
    convergence = Convergence(
      route: BasisCacheEntry.routes[Int(words[1])], residual: figures[0], orthogonality: figures[1],
      minimumGap: figures[2], spanError: figures[3])
    singularValues = Array(figures[4...])
    shortRows = Matrix(rows: count, columns: short, elements: shortElements)
    longRows =
      words[4] == 1 ? Matrix(rows: count, columns: long, elements: longElements) : nil
    guard convergence.isAccepted, singularValues.allSatisfy({ $0 > 0 && $0.isFinite }),
      zip(singularValues, singularValues.dropFirst()).allSatisfy(>=)
    else { return nil }
  }
}

extension FileSink {
  /// The elements as they lie in memory.
  fileprivate func append<Word: BitwiseCopyable>(words: [Word]) throws(Fault) {
    var failure: Fault?
    words.withUnsafeBytes { raw in
      do throws(Fault) { try append(raw) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}

extension InputFile {
  /// `count` Float64 values in the machine's byte order.
  fileprivate func doubles(at offset: Int, count: Int) throws(Fault) -> [Double] {
    var values = [Double](repeating: 0, count: count)
    var failure: Fault?
    values.withUnsafeMutableBytes { raw in
      do throws(Fault) { try read(at: offset, into: raw) } catch { failure = error }
    }
    if let failure { throw failure }
    return values
  }
}

/// A 64-bit checksum over Float64 values, four lanes so that it keeps up with memory.
private struct Checksum {
  private var lanes: (UInt64, UInt64, UInt64, UInt64) = (1, 2, 3, 4)
  private var count: UInt64 = 0

  /// Begins with the digest of the weight that the values belong to.
  init(of digest: SHA256Digest) {
    let words = digest.bytes.withUnsafeBytes { raw in
      (0..<4).map { raw.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self) }
    }
    update(words.map(Double.init(bitPattern:)))
  }

  var value: UInt64 {
    var mixed = count
    for lane in [lanes.0, lanes.1, lanes.2, lanes.3] {
      mixed = (mixed ^ lane ^ (lane >> 29)) &* 0xbf58_476d_1ce4_e5b9
    }
    return mixed ^ (mixed >> 32)
  }

  mutating func update(_ values: [Double]) {
    let factor: UInt64 = 0x9e37_79b9_7f4a_7c15
    values.withUnsafeBufferPointer { source in
      var (a, b, c, d) = lanes
      var index = 0
      while index + 4 <= source.count {
        a = (a ^ source[index].bitPattern) &* factor
        b = (b ^ source[index + 1].bitPattern) &* factor
        c = (c ^ source[index + 2].bitPattern) &* factor
        d = (d ^ source[index + 3].bitPattern) &* factor
        index += 4
      }
      while index < source.count {
        a = (a ^ source[index].bitPattern) &* factor
        index += 1
      }
      lanes = (a, b, c, d)
    }
    count &+= UInt64(values.count)
  }
}
