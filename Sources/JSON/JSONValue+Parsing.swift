public import Faults

extension JSONValue {
  /// Parses one JSON text (RFC 8259), strictly.
  ///
  /// A lexical pass refuses what json-c's tree would hide and what would take too much memory; json-c
  /// then builds the tree, a piece at a time.
  ///
  /// - Throws: 71 `JSON-MEMORY` beyond the limit of memory; 65 with `JSON-SIZE`, `JSON-BOM`, `JSON-UTF8`, `JSON-SYNTAX`, `JSON-DEPTH`,
  ///   `JSON-DUP` (keys equal after unescaping), `JSON-NUL` (a NUL inside a key), `JSON-KEY` (a long one), `JSON-COUNT`, or
  ///   `JSON-NUMBER` (an integer beyond 64 bits, a number beyond Double).
  public static func parse(
    _ bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits = JSONLimits()
  ) throws(Fault) -> JSONValue {
    guard bytes.count <= limits.byteCount else {
      throw Fault(.badData, "JSON-SIZE", "\(bytes.count) bytes, at most \(limits.byteCount)")
    }
    if let rewritten = SurrogatePairs.rewritten(bytes) {
      return try parse(rewritten, limits: limits)
    }
    var pass = LexicalPass(bytes, limits: limits)
    try pass.run()
    return try PieceBuilder(bytes, longContainers: pass.longContainers, depth: limits.depth).root()
  }

  /// Parses one JSON text; see the other form.
  public static func parse(
    _ bytes: [UInt8], limits: JSONLimits = JSONLimits()
  ) throws(Fault) -> JSONValue {
    var result: Result<JSONValue, Fault> = .success(.null)
    bytes.withUnsafeBufferPointer { buffer in
      do throws(Fault) {
        result = .success(try parse(buffer, limits: limits))
      } catch {
        result = .failure(error)
      }
    }
    return try result.get()
  }

  /// Parses one JSON text; see the form with bytes.
  public static func parse(
    _ text: String, limits: JSONLimits = JSONLimits()
  ) throws(Fault) -> JSONValue {
    try parse(Array(text.utf8), limits: limits)
  }
}
