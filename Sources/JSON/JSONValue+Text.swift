extension JSONValue {
  /// The value as JSON text; equal values give equal bytes.
  ///
  /// Members keep their order and doubles take the shortest form that reads back to the same value.
  /// A number that is not finite becomes `null`; JSON has no other word for it.
  public func text(pretty: Bool = false) -> String {
    var out: [UInt8] = []
    write(to: &out, indentation: pretty ? 0 : nil)
    if pretty { out.append(UInt8(ascii: "\n")) }
    return String(decoding: out, as: UTF8.self)
  }

  /// The UTF-8 bytes of ``text(pretty:)``.
  public func bytes(pretty: Bool = false) -> [UInt8] {
    var out: [UInt8] = []
    write(to: &out, indentation: pretty ? 0 : nil)
    if pretty { out.append(UInt8(ascii: "\n")) }
    return out
  }

  private func write(to out: inout [UInt8], indentation: Int?) {
    switch self {
    case .null: out += "null".utf8
    case .bool(let value): out += (value ? "true" : "false").utf8
    case .integer(let value): out += String(value).utf8
    case .unsigned(let value): out += String(value).utf8
    case .number(let value): out += (value.isFinite ? value.description : "null").utf8
    case .string(let value): JSONValue.quote(value, to: &out)
    case .array(let elements):
      JSONValue.list("[", "]", elements, indentation, &out) { element, inner, out in
        element.write(to: &out, indentation: inner)
      }
    case .object(let object):
      JSONValue.list("{", "}", object.members, indentation, &out) { member, inner, out in
        JSONValue.quote(member.key, to: &out)
        out.append(UInt8(ascii: ":"))
        if inner != nil { out.append(UInt8(ascii: " ")) }
        member.value.write(to: &out, indentation: inner)
      }
    }
  }

  private static func list<Element>(
    _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ elements: [Element], _ indentation: Int?,
    _ out: inout [UInt8], _ body: (Element, Int?, inout [UInt8]) -> Void
  ) {
    out.append(UInt8(ascii: open))
    let inner = indentation.map { $0 + 2 }
    for (index, element) in elements.enumerated() {
      if index > 0 { out.append(UInt8(ascii: ",")) }
      newLine(inner, &out)
      body(element, inner, &out)
    }
    if !elements.isEmpty { newLine(indentation, &out) }
    out.append(UInt8(ascii: close))
  }

  private static func newLine(_ indentation: Int?, _ out: inout [UInt8]) {
    guard let indentation else { return }
    out.append(UInt8(ascii: "\n"))
    out.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indentation))
  }

  /// Escapes exactly what RFC 8259 §7 asks for, in the shortest form.
  private static func quote(_ text: String, to out: inout [UInt8]) {
    let digits = Array("0123456789abcdef".utf8)
    out.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): out += "\\\"".utf8
      case UInt8(ascii: "\\"): out += "\\\\".utf8
      case 0x08: out += "\\b".utf8
      case 0x09: out += "\\t".utf8
      case 0x0a: out += "\\n".utf8
      case 0x0c: out += "\\f".utf8
      case 0x0d: out += "\\r".utf8
      case 0..<0x20:
        out += "\\u00".utf8
        out.append(digits[Int(byte >> 4)])
        out.append(digits[Int(byte & 15)])
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}
