public import Faults
public import JSON

extension RaceRecord {
  /// The race as in `formats/record.md` §7.
  public var json: JSONValue {
    var members = RecordMembers()
    members.add("measure", measure)
    members.add("rows", rows)
    members.add("entries", list: entries, \.json)
    return members.json
  }

  /// Reads what ``json`` writes.
  ///
  /// - Throws: 65 `RECORD` naming the field.
  public init(json field: JSONField) throws(Fault) {
    self.init(
      measure: try field["measure"].string(), rows: try field["rows"].count(),
      entries: try field["entries"].list { f throws(Fault) in try Entry(json: f) })
  }
}

extension RaceRecord.Entry {
  fileprivate var json: JSONValue {
    var members = RecordMembers()
    members.add("round", round)
    members.add("form", form)
    members.add("store", store)
    if let pairChoice { members.add("pairs", pairChoice.rawValue) }
    members.add("size", size)
    members.add("bytes", bytes)
    members.add("steps", steps)
    members.add("loss", figure: loss)
    members.add("seconds", figure: seconds)
    members.add("kept", .bool(isKept))
    return members.json
  }

  fileprivate init(json field: JSONField) throws(Fault) {
    self.init(
      round: try field["round"].count(), form: try field["form"].string(),
      store: field["store"].isPresent ? try field["store"].string() : "",
      pairChoice: try Self.pairChoice(field["pairs"]),
      size: try field["size"].string(), bytes: try field["bytes"].count(),
      steps: try field["steps"].count(), loss: try field["loss"].figure(in: field, "loss"),
      seconds: try field["seconds"].figure(in: field, "seconds"),
      isKept: try field["kept"].bool())
  }

  private static func pairChoice(_ field: JSONField) throws(Fault) -> RaceRecord.PairChoice? {
    guard field.isPresent else { return nil }
    guard let choice = RaceRecord.PairChoice(rawValue: try field.string()) else {
      throw field.fault("expected curvature or plain energy")
    }
    return choice
  }
}
