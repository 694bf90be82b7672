import Faults
import Files
import JSON
import Reports
import TestSupport
import Testing

/// Records, evaluations and reports with one defect each, as `golden/documents/refused/index.json` makes them of good ones.
@Suite struct RefusedDocumentTests {
  private static let folder = Checkout.path("golden/documents")

  private static func read(_ path: String) throws -> JSONValue {
    try JSONValue.parse(try InputFile("\(folder)/\(path)").readAll(limit: 1 << 24))
  }

  private func open(_ kind: String, _ document: JSONValue) throws {
    switch kind {
    case "record": _ = try JobRecord(json: document)
    case "evaluation": _ = try EvaluationRecord(json: document)
    case "report": _ = try Report(json: document)
    default: Issue.record("unknown kind \(kind)")
    }
  }

  /// `document` with the place at `path` set, or removed without a value.
  private func changed(_ document: JSONValue, at path: [JSONValue], to value: JSONValue?)
    -> JSONValue?
  {
    guard let key = path.first else { return value }
    let rest = Array(path.dropFirst())
    if let index = key.intValue, var items = document.arrayValue, items.indices.contains(index) {
      guard let item = changed(items[index], at: rest, to: value) else { return nil }
      items[index] = item
      return .array(items)
    }
    guard let name = key.stringValue, var members = document.objectValue else { return nil }
    members[name] = rest.isEmpty ? value : changed(members[name] ?? .null, at: rest, to: value)
    return .object(members)
  }

  @Test(arguments: ["record", "evaluation", "report"])
  func goodOnesAreRead(kind: String) throws {
    try open(kind, try Self.read("good/\(kind).json"))
  }

  /// What a record of an earlier program lacks: the recipe, the gate, the artifact's digest.
  @Test func olderRecordsAreRead() throws {
    var members = try #require(try Self.read("good/record.json").objectValue)
    #expect(try !JobRecord(json: .object(members)).recipe.isEmpty)
    for key in ["recipe", "gate", "artifact_sha256"] { members[key] = nil }
    #expect(try JobRecord(json: .object(members)).recipe.isEmpty)
  }

  @Test func everyDefectIsRefusedAndNamed() throws {
    let changes = try Self.read("refused/index.json")["changes"]?.arrayValue ?? []
    #expect(changes.count > 20)
    for change in changes {
      let kind = try #require(change["document"]?.stringValue)
      let name = try #require(change["name"]?.stringValue)
      let good = try Self.read("good/\(kind).json")
      let document = try #require(
        changed(good, at: change["at"]?.arrayValue ?? [], to: change["value"]), "\(name)")
      #expect(document != good, "\(name)")
      let fault = try #require(throws: Fault.self, "\(name)") { try open(kind, document) }
      #expect(fault.code == change["code"]?.stringValue, "\(name)")
      #expect(fault.reason.contains(change["says"]?.stringValue ?? "?"), "\(name): \(fault.reason)")
    }
  }
}
