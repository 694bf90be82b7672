public import Faults
public import JSON

extension GateRecord {
  /// The gate as in `formats/record.md` §6.
  public var json: JSONValue {
    var members = RecordMembers()
    members.add("asked", figure: asked)
    members.add("retained", figure: retained)
    members.add("retained_ci95", interval: interval95)
    members.add("rows", rows)
    members.add("size", size)
    members.add("tried", tried)
    return members.json
  }

  /// Reads what ``json`` writes.
  ///
  /// - Throws: 65 `RECORD` naming the field.
  public init(json field: JSONField) throws(Fault) {
    self.init(
      asked: try field["asked"].double(), retained: try field["retained"].double(),
      interval95: try field["retained_ci95"].interval(), rows: try field["rows"].count(),
      size: try field["size"].string(), tried: try field["tried"].count())
  }
}
