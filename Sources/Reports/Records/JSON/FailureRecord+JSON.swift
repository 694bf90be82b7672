public import Faults
public import JSON

extension FailureRecord {
  /// The error as one object (`formats/errors.md` §1).
  public var json: JSONValue {
    var members = RecordMembers()
    members.add("message", message)
    members.add("code", code)
    members.add("exit_code", exitCode)
    return members.json
  }

  /// Reads what ``json`` writes.
  ///
  /// - Throws: 65 `RECORD` naming the field.
  public init(json field: JSONField) throws(Fault) {
    self.init(
      message: try field["message"].string(), code: try field["code"].string(),
      exitCode: try field["exit_code"].int(in: 0...255))
  }
}
