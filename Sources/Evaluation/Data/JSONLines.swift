public import Faults
public import Files
public import JSON

/// The rows of a file with one JSON object a line (`formats/data.md` §1).
public struct JSONLines<Row: Sendable>: Sendable {
  /// Digest of the whole file.
  public let digest: SHA256Digest
  /// The rows read, in file order.
  public let rows: [Row]

  /// Reads the first `limit` rows behind the first `skip`, or all of those, each by `row`; rows that are skipped are not looked at.
  ///
  /// - Throws: `DATA-JSON` for a line that is none and what `row` throws, both with the line's number; `DATA-EMPTY`
  ///   where no row is left.
  public init(
    path: String, limit: Int? = nil, skip: Int = 0, row: (JSONField) throws(Fault) -> Row
  ) throws(Fault) {
    // Larger files are refused rather than held in memory.
    let bytes = try InputFile(path).readAll(limit: 1 << 30)
    digest = SHA256Digest.of(bytes)
    var rows: [Row] = []
    var (lineNumber, skipped) = (0, 0)
    for line in bytes.split(separator: 0x0a, omittingEmptySubsequences: false) {
      lineNumber += 1
      if let limit, rows.count >= limit { break }
      // Blank is what JSON takes for blank: a line of NULs is what a torn write leaves.
      guard line.contains(where: { ![0x20, 0x09, 0x0d].contains($0) }) else { continue }
      if skipped < skip {
        skipped += 1
        continue
      }
      rows.append(try JSONLines.row(Array(line), "line \(lineNumber)", of: path, row))
    }
    guard !rows.isEmpty else {
      throw Fault(
        .badData, "DATA-EMPTY",
        skip == 0
          ? "no example in the file"
          : "no example behind the \(skip) to skip, the file has \(skipped)", path: path)
    }
    self.rows = rows
  }

  /// What `row` makes of one JSON text; faults name its `place` in the file.
  static func row(
    _ text: [UInt8], _ place: String, of path: String, _ row: (JSONField) throws(Fault) -> Row
  ) throws(Fault) -> Row {
    do throws(Fault) {
      return try row(JSONField(JSONValue.parse(text), code: "DATA-FIELD"))
    } catch {
      throw Fault(
        error.kind, error.code.hasPrefix("DATA") ? error.code : "DATA-JSON",
        "\(place): \(error.reason)", path: path)
    }
  }
}
