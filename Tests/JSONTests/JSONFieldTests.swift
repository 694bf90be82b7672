import Faults
import JSON
import TestSupport
import Testing

@Suite struct JSONFieldTests {
  private let root = JSONField(
    [
      "name": "x", "count": 3, "ratio": 0.5, "flag": true, "none": nil,
      "list": [1, "two"], "inner": ["deep": 7],
    ], code: "TEST")

  @Test func values() throws {
    #expect(try root["name"].string() == "x")
    #expect(try root["count"].int() == 3)
    #expect(try root["count"].int(in: 1...3) == 3)
    #expect(try root["count"].double() == 3)
    #expect(try root["ratio"].double() == 0.5)
    #expect(try root["flag"].bool())
    #expect(try root["inner"]["deep"].int() == 7)
    #expect(try root["list"].array()[0].int() == 1)
    #expect(try root["inner"].fields().map(\.key) == ["deep"])
    #expect(!root["none"].isPresent)
    #expect(!root["absent"].isPresent)
  }

  @Test func faultsNameThePlace() {
    let cases: [(Fault?, String)] = [
      (
        fault { () throws(Fault) in try root["absent"].string() },
        "absent: missing, expected a string"
      ),
      (
        fault { () throws(Fault) in try root["name"].int() },
        "name: expected an integer, found a string"
      ),
      (
        fault { () throws(Fault) in try root["ratio"].int() },
        "ratio: expected an integer, found a number with a fraction"
      ),
      (fault { () throws(Fault) in try root["count"].int(in: 4...9) }, "count: 3 is not in 4...9"),
      (
        fault { () throws(Fault) in try root["none"].bool() },
        "none: expected true or false, found null"
      ),
      (
        fault { () throws(Fault) in try root["list"].array()[1].double() },
        "list[1]: expected a number, found a string"
      ),
      (
        fault { () throws(Fault) in try root["name"].array() },
        "name: expected an array, found a string"
      ),
      (
        fault { () throws(Fault) in try root["inner"]["deep"].object() },
        "inner.deep: expected an object, found an integer"
      ),
    ]
    for (found, reason) in cases {
      #expect(found?.reason == reason)
      #expect(found?.code == "TEST")
    }
  }
}
