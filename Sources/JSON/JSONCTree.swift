import CJSONC
import Faults

/// The one owner of a json-c tree.
struct JSONCTree: ~Copyable {
  private let root: OpaquePointer?

  init(_ bytes: UnsafeBufferPointer<UInt8>, depth: Int) throws(Fault) {
    // json-c counts scalars as a level and needs one in reserve.
    guard let tokener = json_tokener_new_ex(Int32(clamping: depth + 3)) else {
      throw JSONCTree.memoryFault
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
    // A failed allocation ends the parser without an error, or in the middle of the text.
    if status == json_tokener_continue {
      if let root { json_object_put(root) }
      throw JSONCTree.memoryFault
    }
    guard status == json_tokener_success else {
      if let root { json_object_put(root) }
      throw Fault(
        .badData, "JSON-SYNTAX", String(cString: json_tokener_error_desc(status)))
    }
    // What cannot be allocated is a null like the word.
    if root == nil, bytes.first != UInt8(ascii: "n") { throw JSONCTree.memoryFault }
    self.root = root
  }

  private static let memoryFault = Fault(
    .resources, "JSON-MEMORY", "json-c cannot allocate its values")

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
      var object = JSONObject(capacity: Int(json_object_object_length(node)))
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
