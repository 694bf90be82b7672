extension Fault: CustomStringConvertible {
  /// The longest error line in bytes, and the longest name inside it.
  private static let lineLimit = 400
  private static let nameLimit = 96

  /// The text after `error: `, one line, at most 400 bytes with the prefix.
  public var description: String {
    var head = ""
    if let path { head += Fault.escaped(path, limit: 160, isName: true) + ": " }
    if let tensor {
      head += "tensor \"\(Fault.escaped(tensor, limit: Fault.nameLimit, isName: true))\": "
    }
    let tail = ": \(code)"
    let room = Fault.lineLimit - "error: ".utf8.count - head.utf8.count - tail.utf8.count
    return head + Fault.escaped(reason, limit: max(room, 40)) + tail
  }

  /// The whole line as printed on stderr.
  public var line: String { "error: \(description)" }

  /// `text` with control and non-ASCII bytes as `\xNN`, cut to `limit` bytes with `...`.
  ///
  /// Names come from untrusted files: an escape sequence must not reach a terminal
  /// (`formats/errors.md` §1).
  ///
  /// - Parameter isName: Writes `"` and `\` so too: what stands in quotes can then be told apart from what
  ///   ends them.
  public static func escaped(_ text: String, limit: Int, isName: Bool = false) -> String {
    var out = ""
    for byte in text.utf8 {
      let ends = isName && (byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\"))
      if (0x20..<0x7f).contains(byte), !ends {
        out.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        let digits = String(byte, radix: 16)
        out += "\\x" + (digits.count == 1 ? "0" : "") + digits
      }
      if out.utf8.count > limit {
        return String(out.prefix(max(limit - 3, 0))) + "..."
      }
    }
    return out
  }
}
