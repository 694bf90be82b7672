import CZstd
public import Faults

/// One zstd frame with checksum and content size, in and out.
public enum Zstd {
  /// The level that artifacts are written with: the best ratio of the ordinary ones.
  public static let artifactLevel = 19

  /// Compresses `bytes` into one frame; the same input and library give the same output.
  ///
  /// - Parameter boundaries: ascending places inside `bytes` where a block ends and its statistics with it: codes of
  ///   another kind that follow do not blur them.
  /// - Throws: 70 `ZSTD` with the library's message, 71 when it cannot allocate.
  public static func compress(
    _ bytes: [UInt8], boundaries: [Int] = [], level: Int = artifactLevel
  ) throws(Fault) -> [UInt8] {
    guard let context = ZSTD_createCCtx() else {
      throw Fault(.resources, "ZSTD", "cannot allocate a compressor")
    }
    // Returns 0 or an error when freeing null only.
    defer { ZSTD_freeCCtx(context) }
    // Each returns an error code for a parameter out of bounds, else the value set.
    for (parameter, value) in [
      (ZSTD_c_compressionLevel, Int32(clamping: level)), (ZSTD_c_checksumFlag, 1),
      (ZSTD_c_contentSizeFlag, 1),
    ] {
      try check(ZSTD_CCtx_setParameter(context, parameter, value))
    }
    try check(ZSTD_CCtx_setPledgedSrcSize(context, UInt64(bytes.count)))
    // A block that is ended early costs its header of three bytes.
    let capacity = ZSTD_compressBound(bytes.count) + 4 * (boundaries.count + 1)
    var ends: [Int] = []
    for boundary in boundaries where boundary > ends.last ?? 0 && boundary < bytes.count {
      ends.append(boundary)
    }
    ends.append(bytes.count)
    var status = 0
    let frame = [UInt8](unsafeUninitializedCapacity: capacity) { out, initialized in
      bytes.withUnsafeBytes { input in
        var output = ZSTD_outBuffer(dst: out.baseAddress, size: capacity, pos: 0)
        var source = ZSTD_inBuffer(src: input.baseAddress, size: 0, pos: 0)
        for end in ends {
          source.size = end
          // An error code, or how much of the output does not fit: nothing, at this capacity.
          status = ZSTD_compressStream2(
            context, &output, &source, end == bytes.count ? ZSTD_e_end : ZSTD_e_flush)
          if status != 0 { break }
        }
        initialized = output.pos
      }
    }
    try check(status)
    guard status == 0 else {
      throw Fault(.internalError, "ZSTD", "\(status) bytes do not fit \(capacity)")
    }
    return frame
  }

  /// Decompresses exactly one frame of at most `limit` bytes of content.
  ///
  /// Nothing is allocated before the frame has been walked to its end and its declared size found
  /// plausible.
  ///
  /// - Throws: 65 with `ART-TRUNC` (ends early), `ART-TRAIL` (something follows), `ART-SIZE` (none,
  ///   too large or wrong), `ART-SUM` (checksum absent or wrong), `ART-WINDOW`, `ART-ZSTD` (anything
  ///   else).
  public static func decompress(_ bytes: [UInt8], limit: Int) throws(Fault) -> [UInt8] {
    var result: Result<[UInt8], Fault> = .success([])
    bytes.withUnsafeBytes { input in
      do throws(Fault) {
        result = .success(try decompress(input, limit: limit))
      } catch {
        result = .failure(error)
      }
    }
    return try result.get()
  }

  private static func decompress(
    _ input: UnsafeRawBufferPointer, limit: Int
  ) throws(Fault) -> [UInt8] {
    let frame = try frame(input, limit: limit)
    var status = 0
    let content = [UInt8](unsafeUninitializedCapacity: frame.contentByteCount) { out, initialized in
      status = ZSTD_decompress(
        out.baseAddress, frame.contentByteCount, input.baseAddress, input.count)
      initialized = ZSTD_isError(status) == 0 ? min(status, frame.contentByteCount) : 0
    }
    let isLonger =
      ZSTD_isError(status) != 0 && ZSTD_getErrorCode(status) == ZSTD_error_dstSize_tooSmall
    if !isLonger { try checkDecoding(status) }
    guard !isLonger, status == frame.contentByteCount else {
      throw Fault(
        .badData, "ART-SIZE",
        "holds \(isLonger ? "more" : "less") than the declared \(frame.contentByteCount) bytes")
    }
    return content
  }

  /// The size of the content that exactly one frame declares, checked against its blocks.
  ///
  /// - Throws: as ``decompress(_:limit:)``, but for what only decoding finds.
  public static func contentByteCount(of bytes: [UInt8], limit: Int) throws(Fault) -> Int {
    var result: Result<Int, Fault> = .success(0)
    bytes.withUnsafeBytes { input in
      do throws(Fault) {
        result = .success(try frame(input, limit: limit).contentByteCount)
      } catch {
        result = .failure(error)
      }
    }
    return try result.get()
  }

  /// The first `count` bytes of the content, fewer where it ends before: no more is decoded than a block beyond
  /// them.
  ///
  /// - Throws: 65 `ART-ZSTD` for what does not decode, 71 `ZSTD`.
  public static func prefix(of bytes: [UInt8], count: Int) throws(Fault) -> [UInt8] {
    guard let context = ZSTD_createDCtx() else {
      throw Fault(.resources, "ZSTD", "cannot allocate a decompressor")
    }
    // Returns 0 or an error when freeing null only.
    defer { ZSTD_freeDCtx(context) }
    var status = 0
    let prefix = [UInt8](unsafeUninitializedCapacity: count) { out, initialized in
      bytes.withUnsafeBytes { input in
        var output = ZSTD_outBuffer(dst: out.baseAddress, size: count, pos: 0)
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        while output.pos < count {
          let before = (output.pos, source.pos)
          // 0 at the end of the frame, an error code, or a hint of what is missing.
          status = ZSTD_decompressStream(context, &output, &source)
          if status == 0 || ZSTD_isError(status) != 0 || before == (output.pos, source.pos) {
            break
          }
        }
        initialized = output.pos
      }
    }
    try checkDecoding(status)
    return prefix
  }

  private static func frame(
    _ input: UnsafeRawBufferPointer, limit: Int
  ) throws(Fault) -> ZstdFrame {
    let frame = try ZstdFrame(input, limit: limit)
    guard frame.byteCount == input.count else {
      throw Fault(
        .badData, "ART-TRAIL",
        "\(input.count - frame.byteCount) bytes after the frame of \(frame.byteCount)")
    }
    return frame
  }

  private static func checkDecoding(_ status: Int) throws(Fault) {
    guard ZSTD_isError(status) != 0 else { return }
    let message = String(cString: ZSTD_getErrorName(status))
    switch ZSTD_getErrorCode(status) {
    case ZSTD_error_checksum_wrong:
      throw Fault(.badData, "ART-SUM", "checksum does not match: damaged")
    case ZSTD_error_frameParameter_windowTooLarge:
      throw Fault(.badData, "ART-WINDOW", message)
    case ZSTD_error_memory_allocation:
      throw Fault(.resources, "ZSTD", message)
    default:
      throw Fault(.badData, "ART-ZSTD", message)
    }
  }

  private static func check(_ status: Int) throws(Fault) {
    guard ZSTD_isError(status) != 0 else { return }
    let isMemory = ZSTD_getErrorCode(status) == ZSTD_error_memory_allocation
    throw Fault(
      isMemory ? .resources : .internalError, "ZSTD",
      String(cString: ZSTD_getErrorName(status)))
  }
}
