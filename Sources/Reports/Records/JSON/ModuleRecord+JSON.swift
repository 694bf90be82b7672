public import Faults
public import JSON

extension ModuleRecord {
  /// The module as in `formats/record.md` §4.
  public var json: JSONValue {
    var members = RecordMembers()
    members.add("name", name)
    members.add("shape", [.integer(outFeatures), .integer(inFeatures)])
    members.add("lora_rank", loraRank)
    members.add("output_rank", outputRank)
    members.add("input_rank", inputRank)
    members.add("captured_energy", figure: capturedEnergy)
    members.add("weighted_captured_energy", figure: weightedCapturedEnergy)
    members.add("bytes", bytes)
    return members.json
  }

  /// Reads what ``json`` writes.
  ///
  /// - Throws: 65 `RECORD` naming the field.
  public init(json field: JSONField) throws(Fault) {
    let shape = try field["shape"].array()
    guard shape.count == 2 else { throw field["shape"].fault("expected two dimensions") }
    let weighted = "weighted_captured_energy"
    self.init(
      name: try field["name"].string(), outFeatures: try shape[0].count(),
      inFeatures: try shape[1].count(),
      loraRank: try field["lora_rank"].optional { f throws(Fault) in try f.count() },
      outputRank: try field["output_rank"].count(), inputRank: try field["input_rank"].count(),
      capturedEnergy: try field["captured_energy"].optionalFigure(in: field, "captured_energy"),
      weightedCapturedEnergy: try field[weighted].optionalFigure(in: field, weighted),
      bytes: try field["bytes"].count())
  }
}
