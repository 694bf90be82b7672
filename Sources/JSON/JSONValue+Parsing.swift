import CJSONC
public import Faults

extension JSONValue {
  /// Parses one JSON text (RFC 8259), strictly.
  ///
  /// A lexical pass refuses what json-c's tree would hide; json-c then builds the tree.
  ///
  /// - Throws: 65 with `JSON-SIZE`, `JSON-BOM`, `JSON-UTF8`, `JSON-SYNTAX`, `JSON-DEPTH`,
  ///   `JSON-DUP` (keys equal after unescaping), `JSON-NUL` (a NUL inside a key), `JSON-COUNT`, or
  ///   `JSON-NUMBER` (an integer beyond 64 bits, a number beyond Double).
  public static func parse(
    _ bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits = JSONLimits()
  ) throws(Fault) -> JSONValue {
    guard bytes.count <= limits.byteCount else {
      throw Fault(.badData, "JSON-SIZE", "\(bytes.count) bytes, at most \(limits.byteCount)")
    }
    var pass = LexicalPass(bytes, limits: limits)
    try pass.run()
    // A header may be padded with millions of blanks, over which json-c is slow.
    let tree = try JSONCTree(trimmed(bytes), depth: limits.depth)
    return try tree.value()
  }

  private static func trimmed(
    _ bytes: UnsafeBufferPointer<UInt8>
  ) -> UnsafeBufferPointer<UInt8> {
    func isBlank(_ byte: UInt8) -> Bool {
      byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
    }
    guard let first = bytes.firstIndex(where: { !isBlank($0) }),
      let last = bytes.lastIndex(where: { !isBlank($0) })
    else { return bytes }
    return UnsafeBufferPointer(rebasing: bytes[first...last])
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

/// The one owner of a json-c tree.
private struct JSONCTree: ~Copyable {
  private let root: OpaquePointer?

  init(_ bytes: UnsafeBufferPointer<UInt8>, depth: Int) throws(Fault) {
    // json-c counts scalars as a level and needs one in reserve.
    guard let tokener = json_tokener_new_ex(Int32(clamping: depth + 3)) else {
      throw Fault(.resources, "JSON-MEMORY", "json-c cannot allocate its parser")
    }
    defer { json_tokener_free(tokener) }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT)
    var root = bytes.withMemoryRebound(to: CChar.self) {
      json_tokener_parse_ex(tokener, $0.baseAddress, Int32($0.count))
    }
    if json_tokener_get_error(tokener) == json_tokener_continue {
      // A number at the root ends only with the end of the text, which json-c takes from a NUL.
      root = json_tokener_parse_ex(tokener, "", 1)
    }
    // json_tokener_error_*: depth, eof, unexpected, null, boolean, number, array, object_key_name,
    // object_key_sep, object_value_sep, string, comment, utf8_string, size. The lexical pass has
    // refused all of them, so any is worth a report.
    let status = json_tokener_get_error(tokener)
    guard status == json_tokener_success else {
      if let root { json_object_put(root) }
      throw Fault(
        .badData, "JSON-SYNTAX", String(cString: json_tokener_error_desc(status)))
    }
    self.root = root
  }

  deinit { if let root { json_object_put(root) } }

  func value() throws(Fault) -> JSONValue { try JSONCTree.convert(root) }

  /// Recursion is bounded by the depth that the lexical pass allowed.
  private static func convert(_ node: OpaquePointer?) throws(Fault) -> JSONValue {
    guard let node else { return .null }
    switch json_object_get_type(node) {
    case json_type_boolean:
      return .bool(json_object_get_boolean(node) != 0)
    case json_type_int:
      let signed = json_object_get_int64(node)
      let unsigned = json_object_get_uint64(node)
      // json-c clamps at Int64.max; only the unsigned reading of a larger value is larger.
      return signed == .max && unsigned > UInt64(Int64.max)
        ? .unsigned(unsigned) : .integer(signed)
    case json_type_double:
      let value = json_object_get_double(node)
      guard value.isFinite else {
        throw Fault(.badData, "JSON-NUMBER", "number beyond Float64")
      }
      return .number(value)
    case json_type_string:
      return .string(text(json_object_get_string(node), Int(json_object_get_string_len(node))))
    case json_type_array:
      var elements: [JSONValue] = []
      let count = json_object_array_length(node)
      elements.reserveCapacity(count)
      for index in 0..<count {
        elements.append(try convert(json_object_array_get_idx(node, index)))
      }
      return .array(elements)
    case json_type_object:
      var object = JSONObject()
      var entry = json_object_get_object(node)?.pointee.head
      while let current = entry {
        if let key = current.pointee.k?.assumingMemoryBound(to: CChar.self) {
          object[String(cString: key)] = try convert(
            current.pointee.v.map { OpaquePointer($0) })
        }
        entry = current.pointee.next
      }
      return .object(object)
    default:
      return .null
    }
  }

  private static func text(_ start: UnsafePointer<CChar>?, _ count: Int) -> String {
    guard let start else { return "" }
    return start.withMemoryRebound(to: UInt8.self, capacity: count) {
      String(decoding: UnsafeBufferPointer(start: $0, count: count), as: UTF8.self)
    }
  }
}
