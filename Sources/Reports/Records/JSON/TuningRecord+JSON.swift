public import Faults
public import JSON

extension TuningRecord {
  /// The tuning as in `formats/record.md` §5.
  public var json: JSONValue {
    var members = RecordMembers()
    members.add("settings", settings: settings)
    members.add("steps", steps)
    members.add("best_step", bestStep)
    members.add("train_loss", list: trainLoss, \.json)
    members.add("validation_loss", list: validationLoss, \.json)
    members.add("trials", list: trials, \.json)
    members.add("seconds", figure: seconds)
    return members.json
  }

  /// Reads what ``json`` writes.
  ///
  /// - Throws: 65 `RECORD` naming the field.
  public init(json field: JSONField) throws(Fault) {
    self.init(
      settings: try field["settings"].settings(), steps: try field["steps"].count(),
      bestStep: try field["best_step"].count(),
      trainLoss: try field["train_loss"].list { f throws(Fault) in try Point(json: f) },
      validationLoss: try field["validation_loss"].list { f throws(Fault) in try Point(json: f) },
      trials: try field["trials"].list { f throws(Fault) in try Trial(json: f) },
      seconds: try field["seconds"].figure(in: field, "seconds"))
  }
}

extension TuningRecord.Point {
  fileprivate var json: JSONValue {
    var members = RecordMembers()
    members.add("step", step)
    members.add("loss", figure: loss)
    return members.json
  }

  fileprivate init(json field: JSONField) throws(Fault) {
    self.init(
      step: try field["step"].count(), loss: try field["loss"].figure(in: field, "loss"))
  }
}

extension TuningRecord.Trial {
  fileprivate var json: JSONValue {
    var members = RecordMembers()
    members.add("settings", settings: settings)
    members.add("steps", steps)
    members.add("validation_loss", figure: validationLoss)
    members.add("seconds", figure: seconds)
    members.add("chosen", .bool(isChosen))
    return members.json
  }

  fileprivate init(json field: JSONField) throws(Fault) {
    self.init(
      settings: try field["settings"].settings(), steps: try field["steps"].count(),
      validationLoss: try field["validation_loss"].figure(in: field, "validation_loss"),
      seconds: try field["seconds"].figure(in: field, "seconds"),
      isChosen: try field["chosen"].bool())
  }
}
