import JSON
import Testing

/// Code points above U+FFFF, written as pairs of escapes.
@Suite struct SurrogatePairTests {
  private func pair(_ scalar: Unicode.Scalar) -> String {
    String(scalar).utf16.map { "\\u" + String($0, radix: 16) }.joined()
  }

  /// Also those whose low 16 bits look like a surrogate, which json-c alone reads as U+FFFD.
  @Test(arguments: [
    0x1_0000, 0x1_d7ff, 0x1_d800, 0x1_da30, 0x1_dc00, 0x1_dfff, 0x1_f600, 0x10_ffff,
  ])
  func pairsAreOneCharacter(value: UInt32) throws {
    let scalar = try #require(Unicode.Scalar(value))
    let text = "a\(pair(scalar))b\(pair(scalar))"
    let found = try JSONValue.parse(
      "{\"\(text)\": [\"\(text)\", \"\(text.uppercased())\"]}".replacing("\\U", with: "\\u"))
    let expected = "a\(scalar)b\(scalar)"
    #expect(found[expected]?.arrayValue?.first?.stringValue == expected)
    #expect(found[expected]?.arrayValue?.last?.stringValue == "A\(scalar)B\(scalar)")
  }

  /// A backslash that is escaped begins nothing.
  @Test func escapedBackslashesStay() throws {
    let found = try JSONValue.parse("\"\\\\ud836\\\\ude30 \\\\\\ud836\\ude30\"")
    #expect(found.stringValue == "\\ud836\\ude30 \\\u{1da30}")
  }
}
