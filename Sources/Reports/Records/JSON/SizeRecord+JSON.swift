public import Faults
public import JSON

extension SizeRecord {
  /// The sizes as in `formats/record.md` §3.
  public var json: JSONValue {
    var members = RecordMembers()
    members.add("as_shipped", asShipped)
    members.add("f16_equivalent", f16Equivalent)
    members.add("artifact", artifact)
    members.add("parts", list: parts) { part in
      ["name": .string(part.name), "bytes": .integer(part.bytes)]
    }
    return members.json
  }

  /// Reads what ``json`` writes.
  ///
  /// - Throws: 65 `RECORD` naming the field.
  public init(json field: JSONField) throws(Fault) {
    self.init(
      asShipped: try field["as_shipped"].optional { f throws(Fault) in try f.count() },
      f16Equivalent: try field["f16_equivalent"].optional { f throws(Fault) in try f.count() },
      artifact: try field["artifact"].count(),
      parts: try field["parts"].list { f throws(Fault) in
        Part(name: try f["name"].string(), bytes: try f["bytes"].count())
      })
  }
}
