package import Faults
import Files
package import JSON

/// The rows of a published file: one JSON array of objects, or one object a line.
package enum PublishedRows {
  /// The lines of a data file that are the first `limit` rows behind the first `skip` of `path`, as `form` makes them of each and
  /// checked as a data file's are.
  ///
  /// - Throws: `DATA-JSON`, `DATA-FIELD` and `DATA-EMPTY`, naming file and row.
  package static func lines(
    of path: String, limit: Int? = nil, skip: Int = 0,
    as form: (JSONField) throws(Fault) -> JSONValue
  ) throws(Fault) -> [JSONValue] {
    func line(_ row: JSONField) throws(Fault) -> JSONValue {
      let value = try form(row)
      _ = try DataRow(JSONField(value, code: "DATA-FIELD"))
      return value
    }
    let bytes = try InputFile(path).readAll(limit: 1 << 30)
    guard let elements = try elements(bytes, path) else {
      return try JSONLines(path: path, limit: limit, skip: skip, row: line).rows
    }
    var lines: [JSONValue] = []
    for (index, range) in elements.enumerated().dropFirst(skip).prefix(limit ?? .max) {
      lines.append(try JSONLines.row(Array(bytes[range]), "row \(index + 1)", of: path, line))
    }
    guard !lines.isEmpty else {
      throw Fault(
        .badData, "DATA-EMPTY", "no row behind the first \(skip) of \(elements.count)", path: path)
    }
    return lines
  }

  /// Where the elements of an array stand, so that never more than one of them is a tree; nil for a file that is no array.
  private static func elements(
    _ bytes: [UInt8], _ path: String
  ) throws(Fault) -> [Range<Int>]? {
    let blanks: Set<UInt8> = [0x20, 0x09, 0x0a, 0x0d]
    guard let first = bytes.firstIndex(where: { !blanks.contains($0) }),
      bytes[first] == UInt8(ascii: "[")
    else { return nil }
    var elements: [Range<Int>] = []
    var (depth, start, isInString) = (0, first + 1, false)
    var index = first
    while index < bytes.count {
      switch (bytes[index], isInString) {
      case (UInt8(ascii: "\\"), true): index += 1
      case (UInt8(ascii: "\""), _): isInString.toggle()
      case (_, true): break
      case (UInt8(ascii: "["), _), (UInt8(ascii: "{"), _): depth += 1
      case (UInt8(ascii: "]"), _), (UInt8(ascii: "}"), _):
        depth -= 1
        guard depth == 0 else { break }
        let isBlank = bytes[start..<index].allSatisfy(blanks.contains)
        if !isBlank || !elements.isEmpty { elements.append(start..<index) }
        guard bytes[(index + 1)...].allSatisfy(blanks.contains) else {
          throw Fault(.badData, "DATA-JSON", "something stands behind the array", path: path)
        }
        return elements
      case (UInt8(ascii: ","), _) where depth == 1:
        elements.append(start..<index)
        start = index + 1
      default: break
      }
      index += 1
    }
    throw Fault(.badData, "DATA-JSON", "the array has no end", path: path)
  }
}
