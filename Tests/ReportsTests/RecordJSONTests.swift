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
    let text = Samples.clinc().json.text(pretty: false)
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
