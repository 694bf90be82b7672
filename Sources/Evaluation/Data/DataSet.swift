public import Faults
public import Files

/// The rows of one JSONL file (`formats/data.md`).
public struct DataSet: Sendable {
  /// The file.
  public let path: String
  /// Digest of the whole file.
  public let digest: SHA256Digest
  /// The rows read, in file order.
  public let rows: [DataRow]

  /// Reads the first `limit` rows behind the first `skip`, or all of those.
  ///
  /// - Throws: `DATA-*` faults naming the line: not JSON, a missing or mistyped field, an answer outside the
  ///   choices, an empty completion; `DATA-EMPTY` where no row is left.
  public init(path: String, limit: Int? = nil, skip: Int = 0) throws(Fault) {
    self.path = path
    let lines = try JSONLines(path: path, limit: limit, skip: skip, row: DataRow.init)
    digest = lines.digest
    rows = lines.rows
  }
}
