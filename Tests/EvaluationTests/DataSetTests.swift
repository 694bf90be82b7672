import Evaluation
import Faults
import Files
import TestSupport
import Testing

@Suite struct DataSetTests {
  private func read(_ text: String, limit: Int? = nil) throws -> DataSet {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "data.jsonl")
      _ = try AtomicFile.write(path, text: text)
      return try DataSet(path: path, limit: limit)
    }
  }

  @Test func readsCompletionsAndChoices() throws {
    let set = try read(
      """
      {"prompt":"a","completion":" b\\n"}

      {"prompt":"c","choices":[" d"," e"],"answer":1}
      """)
    #expect(set.examples.map(\.completion) == [" b\n", " e"])
    #expect(
      try read("{\"prompt\":\"a\",\"completion\":\"b\"}\nnot json", limit: 1).examples.count == 1)
  }

  /// One defect each, and the code that names it.
  @Test(arguments: [
    ("", "DATA-EMPTY"), ("\n \n", "DATA-EMPTY"), ("{", "DATA-JSON"), ("[1]", "DATA-FIELD"),
    ("{\"completion\":\"b\"}", "DATA-FIELD"), ("{\"prompt\":\"a\"}", "DATA-FIELD"),
    ("{\"prompt\":1,\"completion\":\"b\"}", "DATA-FIELD"),
    ("{\"prompt\":\"a\",\"completion\":\"\"}", "DATA-FIELD"),
    ("{\"prompt\":\"a\",\"choices\":[\"x\"],\"answer\":0}", "DATA-FIELD"),
    ("{\"prompt\":\"a\",\"choices\":[\"x\",\"y\"]}", "DATA-FIELD"),
    ("{\"prompt\":\"a\",\"choices\":[\"x\",\"y\"],\"answer\":2}", "DATA-FIELD"),
    (
      "{\"prompt\":\"a\",\"choices\":[\"x\",\"y\"],\"answer\":0,\"completion\":\"x\"}", "DATA-FIELD"
    ),
    ("{\"prompt\":\"a\",\"prompt\":\"b\",\"completion\":\"c\"}", "DATA-JSON"),
  ])
  func refusesBadLines(text: String, code: String) {
    let fault = #expect(throws: Fault.self) { try read(text) }
    #expect(fault?.code == code)
    #expect(fault?.exitCode == 65)
    if !code.hasSuffix("EMPTY") { #expect(fault?.reason.hasPrefix("line 1:") == true) }
  }
}
