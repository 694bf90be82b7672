import Faults
import JSON
import TestSupport
import Testing

@Suite struct JSONTextTests {
  private let sample: JSONValue = [
    "b": [1, -2, 2.5, 1e21, 0.1, nil, true, false],
    "a": ["x": "é\"\\\n\u{1}😀", "empty": [:], "none": []],
  ]

  @Test func compactText() {
    #expect(
      sample.text()
        == #"{"b":[1,-2,2.5,1e+21,0.1,null,true,false],"a":{"x":"é\"\\\n\u0001😀","empty":{},"none":[]}}"#
    )
  }

  @Test func prettyText() {
    let value: JSONValue = ["a": [1, ["b": nil]], "c": [], "d": [:]]
    #expect(
      value.text(pretty: true) == """
        {
          "a": [
            1,
            {
              "b": null
            }
          ],
          "c": [],
          "d": {}
        }

        """)
  }

  @Test(arguments: [false, true]) func readsBackToTheSameValue(pretty: Bool) throws {
    #expect(try JSONValue.parse(sample.bytes(pretty: pretty)) == sample)
  }

  @Test func doublesReadBackExactly() throws {
    var generator = SeededBits(state: 17)
    for _ in 0..<2000 {
      let value = Double(bitPattern: generator.next())
      guard value.isFinite else { continue }
      guard case .number(let back) = try JSONValue.parse(JSONValue.number(value).text()) else {
        Issue.record("\(value) is not a number in the text")
        continue
      }
      #expect(back.bitPattern == value.bitPattern)
    }
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity]) func nonFiniteIsNull(value: Double) {
    #expect(JSONValue.number(value).text() == "null")
  }

  @Test func objectsReplaceAndRemove() {
    var object = JSONObject([("a", 1), ("b", 2), ("a", 3)])
    #expect(object.keys == ["a", "b"])
    #expect(object["a"] == 3)
    object["a"] = nil
    #expect(object.keys == ["b"])
    for index in 0..<40 { object["k\(index)"] = .integer(index) }
    object["k3"] = nil
    #expect(object["k4"] == 4)
    #expect(object["k3"] == nil)
    #expect(object.count == 40)
    #expect(object["b"] == 2)
  }

  @Test func keysAreComparedByBytes() {
    #expect(UTF8Key("\u{e9}") != UTF8Key("e\u{301}"))
    #expect("\u{e9}" == "e\u{301}")
    #expect(Set([UTF8Key("\u{e9}"), UTF8Key("e\u{301}"), UTF8Key("\u{e9}")]).count == 2)
    #expect(UTF8Key("a") < UTF8Key("b"))
    #expect(JSONValue.string("\u{e9}") != .string("e\u{301}"))
  }

  private struct SeededBits {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 29)
    }
  }
}
