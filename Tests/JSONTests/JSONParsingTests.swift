import Faults
import JSON
import TestSupport
import Testing

@Suite struct JSONParsingTests {
  /// A text with one defect and the code word that it must be refused with.
  struct Refusal: Sendable, CustomTestStringConvertible {
    let text: String
    let code: String
    init(_ text: String, _ code: String) { (self.text, self.code) = (text, code) }
    var testDescription: String { "\(text.prefix(40).debugDescription) is \(code)" }
  }

  static let refusals: [Refusal] = [
    Refusal("", "JSON-SYNTAX"), Refusal(" ", "JSON-SYNTAX"), Refusal("{", "JSON-SYNTAX"),
    Refusal("{}x", "JSON-SYNTAX"), Refusal("{}{}", "JSON-SYNTAX"), Refusal("{}\0", "JSON-SYNTAX"),
    Refusal("{}/**/", "JSON-SYNTAX"), Refusal("//\n{}", "JSON-SYNTAX"),
    Refusal("[1,]", "JSON-SYNTAX"), Refusal("[,1]", "JSON-SYNTAX"), Refusal("[1 2]", "JSON-SYNTAX"),
    Refusal("{\"a\":1,}", "JSON-SYNTAX"), Refusal("{\"a\"}", "JSON-SYNTAX"),
    Refusal("{\"a\":}", "JSON-SYNTAX"), Refusal("{a:1}", "JSON-SYNTAX"),
    Refusal("{1:1}", "JSON-SYNTAX"), Refusal("[}", "JSON-SYNTAX"), Refusal("{]", "JSON-SYNTAX"),
    Refusal("]", "JSON-SYNTAX"), Refusal("'a'", "JSON-SYNTAX"), Refusal("01", "JSON-SYNTAX"),
    Refusal("-01", "JSON-SYNTAX"), Refusal("+1", "JSON-SYNTAX"), Refusal(".5", "JSON-SYNTAX"),
    Refusal("1.", "JSON-SYNTAX"), Refusal("1.e1", "JSON-SYNTAX"), Refusal("1e", "JSON-SYNTAX"),
    Refusal("1e+", "JSON-SYNTAX"), Refusal("-", "JSON-SYNTAX"), Refusal("0x10", "JSON-SYNTAX"),
    Refusal("NaN", "JSON-SYNTAX"), Refusal("Infinity", "JSON-SYNTAX"),
    Refusal("-Infinity", "JSON-SYNTAX"), Refusal("True", "JSON-SYNTAX"),
    Refusal("nul", "JSON-SYNTAX"), Refusal("nulll", "JSON-SYNTAX"), Refusal("\"a", "JSON-SYNTAX"),
    Refusal("\"a\nb\"", "JSON-SYNTAX"), Refusal("\"\u{1}\"", "JSON-SYNTAX"),
    Refusal("\"\\x41\"", "JSON-SYNTAX"), Refusal("\"\\u12\"", "JSON-SYNTAX"),
    Refusal("\"\\u12g4\"", "JSON-SYNTAX"), Refusal("\"\\ud800\"", "JSON-SYNTAX"),
    Refusal("\"\\udc00\"", "JSON-SYNTAX"), Refusal("\"\\ud800\\u0041\"", "JSON-SYNTAX"),
    Refusal("\"\\ud800x\"", "JSON-SYNTAX"), Refusal("\"\\", "JSON-SYNTAX"),
    Refusal("\u{feff}{}", "JSON-BOM"), Refusal("{\"a\":1,\"a\":1}", "JSON-DUP"),
    Refusal("{\"w\":1,\"\\u0077\":1}", "JSON-DUP"),
    Refusal("{\"\\ud83d\\ude00\":1,\"😀\":1}", "JSON-DUP"),
    Refusal("[{\"b\":{\"a\":1,\"a\":2}}]", "JSON-DUP"), Refusal("{\"a\\u0000b\":1}", "JSON-NUL"),
    Refusal("18446744073709551616", "JSON-NUMBER"), Refusal("-9223372036854775809", "JSON-NUMBER"),
    Refusal(String(repeating: "9", count: 40), "JSON-NUMBER"), Refusal("1e400", "JSON-NUMBER"),
    Refusal("[-1e999]", "JSON-NUMBER"),
    Refusal(String(repeating: "[", count: 100_000), "JSON-DEPTH"),
    Refusal(String(repeating: "{\"a\":", count: 100_000), "JSON-DEPTH"),
  ]

  @Test(arguments: refusals) func refuses(_ refusal: Refusal) {
    let found = fault { () throws(Fault) in try JSONValue.parse(refusal.text) }
    #expect(found?.code == refusal.code)
    #expect(found?.exitCode == 65)
  }

  @Test(arguments: [
    ([0x22, 0xff, 0x22], 1), ([0x22, 0x61, 0xc0, 0x80, 0x22], 2),
    ([0x22, 0xed, 0xa0, 0x80, 0x22], 1), ([0x22, 0xf4, 0x90, 0x80, 0x80, 0x22], 1),
    ([0x22, 0xe2, 0x82], 1), ([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00], 0),
  ])
  func refusesInvalidUTF8WithItsOffset(bytes: [UInt8], offset: Int) {
    let found = fault { () throws(Fault) in try JSONValue.parse(bytes) }
    #expect(found?.code == "JSON-UTF8")
    #expect(found?.reason.contains("byte \(offset)") == true)
  }

  @Test func acceptedTextsGiveTheirValues() throws {
    let cases: [(String, JSONValue)] = [
      (" { } \r\n\t", [:]), ("[]", []), ("null", nil), ("true", true), ("0", 0), ("-0", 0),
      ("123", 123), ("9223372036854775807", .integer(Int64.max)),
      ("-9223372036854775808", .integer(Int64.min)),
      ("9223372036854775808", .unsigned(1 << 63)), ("18446744073709551615", .unsigned(.max)),
      ("1.0", 1.0), ("1e0", 1.0), ("-2.5E-3", -0.0025), ("5e-324", .number(.leastNonzeroMagnitude)),
      ("\"\\ud83d\\ude00\\u0000\\n\\/\"", "😀\0\n/"),
      ("[[1,[2]],{\"a\":[null]}]", [[1, [2]], ["a": [nil]]]),
    ]
    for (text, value) in cases { #expect(try JSONValue.parse(text) == value, "\(text)") }
    #expect(try JSONValue.parse("1.0") != 1)
  }

  @Test func keysKeepTheirOrderAndAreBytes() throws {
    // é composed and decomposed are one Swift string and two keys.
    let value = try JSONValue.parse("{\"z\":1,\"e\\u0301\":2,\"\\u00e9\":3,\"a\":4}")
    #expect(
      value.objectValue?.keys.map { Array($0.utf8) } == [
        [0x7a], [0x65, 0xcc, 0x81], [0xc3, 0xa9], [0x61],
      ])
    #expect(value["e\u{301}"] == 2)
    #expect(value["\u{e9}"] == 3)
  }

  @Test func limitsAreKept() throws {
    let limits = JSONLimits(byteCount: 40, depth: 3, memberCount: 2)
    #expect(try JSONValue.parse("[[[1]]]", limits: limits) == [[[1]]])
    for (text, code) in [
      ("[[[[1]]]]", "JSON-DEPTH"), ("{\"a\":1,\"b\":2,\"c\":3}", "JSON-COUNT"),
      (String(repeating: " ", count: 41), "JSON-SIZE"),
    ] {
      #expect(fault { () throws(Fault) in try JSONValue.parse(text, limits: limits) }?.code == code)
    }
  }

  @Test func faultNamesTheMember() {
    let found = fault { () throws(Fault) in
      try JSONValue.parse("{\"w\":{\"shape\":[18446744073709551616]}}")
    }
    #expect(found?.tensor == "w.shape")
  }

  @Test func everyPrefixAndEveryBitFlipIsHandled() {
    // No crash, and whatever is accepted is written back to an equal value.
    let text = Array("{\"a\":[1,-2.5e3,\"x\\u00e9\"],\"b\":{\"c\":null,\"d\":true}}".utf8)
    for count in 0..<text.count {
      #expect(fault { () throws(Fault) in try JSONValue.parse(Array(text[..<count])) } != nil)
    }
    for bit in 0..<text.count * 8 {
      var flipped = text
      flipped[bit / 8] ^= 1 << (bit % 8)
      guard let value = try? JSONValue.parse(flipped) else { continue }
      #expect((try? JSONValue.parse(value.bytes())) == value)
    }
  }

  @Test func hundredMillionBlanksAreNoWork() throws {
    var text = [UInt8](repeating: 0x20, count: 100_000_000)
    text[50_000_000] = UInt8(ascii: "{")
    text[50_000_001] = UInt8(ascii: "}")
    let clock = ContinuousClock()
    let start = clock.now
    #expect(try JSONValue.parse(text) == [:])
    let elapsed = clock.now - start
    print("header of 100 MB of blanks read in \(elapsed)")
    // A second is the aim; shared machines get room.
    #expect(elapsed < .seconds(10))
  }

  @Test func largeObjectsAreFoundByKey() throws {
    let count = 20_000
    let text = "{" + (0..<count).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}"
    let value = try JSONValue.parse(text)
    #expect(value.objectValue?.count == count)
    for index in stride(from: 0, to: count, by: 997) {
      #expect(value["k\(index)"]?.intValue == index)
    }
    #expect(value["k\(count)"] == nil)
  }

  /// Files of other programs, of which texts are wanted, may hold any integer.
  @Test func largeIntegersMayBePassedOver() throws {
    let text =
      #"{"length": 1000000000000000019884624838656, "text": "a", "least": -99999999999999999999}"#
    let value = try JSONValue.parse(text, limits: JSONLimits(refusesLargeIntegers: false))
    #expect(value["text"]?.stringValue == "a")
    #expect(throws: Fault.self) { try JSONValue.parse(text) }
  }
}
