import Faults
import JSON
import Reports
import Testing

@Suite struct RecordJSONTests {
  @Test(arguments: [
    Samples.clinc(), Samples.banking(), Samples.failed("x"), Samples.rejected("y"),
    Samples.kept("k"), Samples.scratch("s"),
    JobRecord(name: "only-a-name", state: .skipped),
  ])
  func roundTrip(job: JobRecord) throws {
    // NaN is not equal to itself, so compare what is written.
    let text = job.json.text(pretty: true)
    let again = try JobRecord(json: try JSONValue.parse(text))
    #expect(again.json.text(pretty: true) == text)
    #expect(again.name == job.name && again.modules == job.modules)
    #expect(again.gate == job.gate && again.state == job.state)
    #expect(again.evaluation == job.evaluation && again.sizes == job.sizes)
  }

  /// A form that was chosen, by labels and by scores.
  private static func chosen() -> JobRecord {
    var job = Samples.clinc()
    job.race = RaceRecord(
      measure: "kl", rows: 64,
      entries: [
        .init(
          round: 1, form: "directions", store: "int8", size: "16x16", bytes: 900, steps: 8,
          loss: 0.5, seconds: 2, isKept: false),
        .init(
          round: 1, form: "pairs", store: "int4", pairChoice: .energy, size: "2", bytes: 880,
          steps: 8, loss: .nan, seconds: 2.5, isKept: true),
      ])
    job.evaluation?.variants[0].labels = LabelFigures(
      macroF1: 0.5, macroF1CI95: 0.4...0.6, matthews: .nan, matthewsCI95: nil)
    job.evaluation?.variants[1].correlation = CorrelationFigures(
      pearson: 0.7, pearsonCI95: nil, spearman: 0.6, spearmanCI95: 0.5...0.7)
    return job
  }

  @Test func chosenFormsSurvive() throws {
    let text = Self.chosen().json.text(pretty: true)
    let again = try JobRecord(json: try JSONValue.parse(text))
    #expect(again.json.text(pretty: true) == text)
    #expect(again.race?.winner?.pairChoice == .energy && again.race?.seconds == 4.5)
    #expect(again.race?.entries.first?.pairChoice == nil)
    #expect(again.evaluation?.variants[0].labels?.macroF1CI95 == 0.4...0.6)
    #expect(again.evaluation?.variants[0].labels?.matthews.isNaN == true)
    #expect(again.evaluation?.variants[1].correlation?.spearman == 0.6)
  }

  @Test(arguments: [
    ("\"plain energy\"", "\"energy\"", "race.entries[1].pairs"),
    ("\"rows\":64", "\"rows\":-1", "race.rows"), ("\"round\":1,", "", "race.entries[0].round"),
    ("\"macro_f1_ci95\":[0.4,0.6]", "\"macro_f1_ci95\":[0.6]", "macro_f1_ci95"),
    ("\"spearman\":0.6", "\"spearman\":\"0.6\"", "spearman"),
  ])
  func refusesOtherForms(found: String, replacement: String, field: String) throws {
    try expectRefusal(of: Self.chosen(), found, replacement, field)
  }

  /// A record from before there was a gate.
  @Test func recordsWithoutAGateAreRead() throws {
    var members = try #require(Samples.clinc().json.objectValue)
    members["gate"] = nil
    #expect(try JobRecord(json: .object(members)).gate == nil)
  }

  @Test func awkwardFiguresSurvive() throws {
    let text = Samples.awkward().json.text(pretty: false)
    let again = try JobRecord(json: try JSONValue.parse(text))
    #expect(again.name.utf8.elementsEqual(Samples.awkwardName.utf8))
    let base = try #require(again.evaluation?.variants.first)
    #expect(base.accuracy.isNaN && base.nll.isNaN)
    #expect(text.contains(#""accuracy":null,"accuracy_reason":"not finite: nan""#))
    #expect(again.modules[0].capturedEnergy?.isNaN == true)
  }

  /// The field names of the command line's contract.
  @Test func evaluationHasTheContractsFields() throws {
    let record = try #require(Samples.clinc().evaluation)
    let keys = try #require(record.json["variants"]?.arrayValue?[1].objectValue?.keys)
    for key in [
      "kind", "source", "n", "accuracy", "accuracy_ci95", "nll", "choice_nll", "kl_to_teacher",
      "agreement", "retained_gain", "bytes", "seconds",
    ] {
      #expect(keys.contains(key))
    }
    #expect(record.json["schema"]?.stringValue == "xspress.evaluation/1")
    #expect(record.json["data"]?.objectValue?.keys == ["path", "sha256", "n"])
    #expect(
      record.json["variants"]?.arrayValue?.compactMap { $0["kind"]?.stringValue }.prefix(5)
        == ["base", "adapter", "start", "tuned", "artifact"])
    #expect(
      record.json["pairs"]?.arrayValue?[0].objectValue?.keys.prefix(5)
        == ["a", "b", "delta", "delta_ci95", "mcnemar_p"])
  }

  @Test(arguments: [
    ("\"xspress.record/1\"", "\"xspress.record/9\"", "schema"), ("\"done\"", "\"almost\"", "state"),
    ("\"as_shipped\":4938648", "\"as_shipped\":-1", "sizes.as_shipped"),
    ("\"as_shipped\":4938648", "\"as_shipped\":1.5", "sizes.as_shipped"),
    ("\"kind\":\"base\"", "\"kind\":\"bass\"", "evaluation.variants[0].kind"),
    ("\"a\":1,", "\"a\":99,", "evaluation.pairs[0].a"),
    ("\"delta_ci95\":[-0.034,0.002]", "\"delta_ci95\":[0.1,0.002]", "delta_ci95"),
    ("\"delta_ci95\":[-0.034,0.002]", "\"delta_ci95\":[0.002]", "delta_ci95"),
    ("\"shape\":[576,576]", "\"shape\":[576]", "modules[0].shape"),
    ("\"nll\":9.3055", "\"nll\":null", "evaluation.variants[0].nll"),
    ("\"chosen\":true", "\"chosen\":1", "tuning.trials[1].chosen"),
    ("\"rank\":\"24\"", "\"rank\":24", "settings.rank"),
    ("\"threads\":2,", "", "threads"),
  ])
  func refuses(found: String, replacement: String, field: String) throws {
    try expectRefusal(of: Samples.clinc(), found, replacement, field)
  }

  private func expectRefusal(
    of job: JobRecord, _ found: String, _ replacement: String, _ field: String
  ) throws {
    let text = job.json.text(pretty: false)
    let range = try #require(text.firstRange(of: found))
    let value = try JSONValue.parse(text.replacingCharacters(in: range, with: replacement))
    let fault = try #require(throws: Fault.self) { _ = try JobRecord(json: value) }
    #expect(fault.code == "RECORD")
    #expect(fault.reason.contains(field), "\(fault.reason)")
  }
}

extension String {
  fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
    String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
  }
}
