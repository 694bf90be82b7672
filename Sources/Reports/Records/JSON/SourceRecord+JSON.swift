public import Faults
public import JSON

extension SourceRecord {
  /// The input as in `formats/record.md` §2.
  public var json: JSONValue {
    var members = RecordMembers()
    members.add("name", name)
    members.add("path", path)
    members.add("format", format)
    members.add("bytes", bytes)
    members.add("sha256", sha256)
    members.add("details", settings: details)
    return members.json
  }

  /// Reads what ``json`` writes.
  ///
  /// - Throws: 65 `RECORD` naming the field.
  public init(json field: JSONField) throws(Fault) {
    self.init(
      name: try field["name"].string(), path: try field["path"].string(),
      format: try field["format"].string(), bytes: try field["bytes"].count(),
      sha256: try field["sha256"].optional { f throws(Fault) in try f.string() },
      details: try field["details"].settings())
  }
}
