import Faults
import JSON
import TestSupport
import Testing

/// What a text may cost, and that values built in pieces are those of the whole.
@Suite struct JSONMemoryTests {
  private static func list(_ element: String, _ count: Int) -> String {
    "{\"x\":[" + Array(repeating: element, count: count).joined(separator: ",") + "]}"
  }

  /// Each is a few bytes that become many: 1 MB of them against 4 MB.
  @Test(arguments: ["{}", "[]", "[[]]", "[0]", "{\"\":0}", "0", "\"\"", "\"sixteen bytes of\""])
  func smallValuesAreCountedBeforeTheyAreBuilt(element: String) throws {
    let limits = JSONLimits(memoryByteCount: 4 << 20)
    let text = Self.list(element, 1_000_000 / element.utf8.count)
    let found = fault { () throws(Fault) in try JSONValue.parse(text, limits: limits) }
    #expect(found?.code == "JSON-MEMORY")
    #expect(found?.exitCode == 71)
    #expect(
      try JSONValue.parse(Self.list(element, 10_000), limits: limits)["x"]?.arrayValue?.count
        == 10_000)
  }

  @Test func keysAreCountedToo() throws {
    let members = (0..<100_000).map { "\"\($0)\":0" }.joined(separator: ",")
    let found = fault { () throws(Fault) in
      try JSONValue.parse("{\(members)}", limits: JSONLimits(memoryByteCount: 4 << 20))
    }
    #expect(found?.code == "JSON-MEMORY")
  }

  /// The densest of real texts: a vocabulary and pairs of merges.
  @Test func aTokenizerFits() throws {
    let vocabulary = (0..<100_000).map { "\"t\($0)\":\($0)" }.joined(separator: ",")
    let merges = (0..<100_000).map { "[\"a\($0)\",\"b\"]" }.joined(separator: ",")
    let value = try JSONValue.parse("{\"vocab\":{\(vocabulary)},\"merges\":[\(merges)]}")
    #expect(value["vocab"]?["t99999"]?.intValue == 99_999)
    #expect(value["merges"]?.arrayValue?.last == ["a99999", "b"])
  }

  /// Longer than a piece at every level, with blanks, escapes and long values between.
  @Test func longContainersAreBuiltInPieces() throws {
    let long = String(repeating: "x\\\"]},{[ ", count: 20_000)
    let numbers = (0..<50_000).map { " \($0) " }.joined(separator: ",")
    let members = (0..<20_000).map { "\"k\\u0041\($0)\" : {\"a\":[\($0)]}" }
      .joined(separator: " ,\n")
    let value = try JSONValue.parse(
      " { \"a\" : [ \(numbers) ] , \"b\":{\(members)},\"long\":\"\(long)\",\"\(long)\":[[\(numbers)],[ ],{ }],"
        + "\"end\":null}\n")
    let object = try #require(value.objectValue)
    #expect(object.count == 5 && object.keys[2] == "long" && object.keys[4] == "end")
    #expect(value["a"]?.arrayValue?.compactMap(\.intValue) == Array(0..<50_000))
    #expect(value["b"]?.objectValue?.count == 20_000)
    #expect(value["b"]?["kA19999"] == ["a": [19_999]])
    let text = String(repeating: "x\"]},{[ ", count: 20_000)
    #expect(value["long"] == .string(text))
    #expect(value[text]?.arrayValue?[0].arrayValue?.count == 50_000)
    #expect(value[text]?.arrayValue?[2] == [:])
    #expect(value["end"] == .some(.null))
    #expect(try JSONValue.parse(value.bytes()) == value)
  }
}
