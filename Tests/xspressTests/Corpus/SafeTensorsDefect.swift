import TestSupport

/// A safetensors file with one defect, the item of `formats/corpus.md` that it stands for, and the code word of its
/// refusal.
///
/// More of each kind are in `SafeTensorsRefusalTests`.
struct SafeTensorsDefect: Sendable, CustomStringConvertible {
  /// The item of the corpus.
  let item: Int
  /// The defect in few words.
  let name: String
  /// The file.
  let bytes: [UInt8]
  /// The code word.
  let code: String

  /// What a test is called that takes it.
  var description: String { "\(item) \(name): \(code)" }

  private init(_ item: Int, _ name: String, _ bytes: [UInt8], _ code: String) {
    (self.item, self.name, self.bytes, self.code) = (item, name, bytes, code)
  }

  /// All of them.
  static let all = lengths + texts + names + fields + ranges

  private typealias B = SafeTensorsBytes

  private static func text(_ header: String) -> [UInt8] {
    B.file(header, data: [0, 0, 0, 0])
  }

  private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

  static let lengths: [SafeTensorsDefect] = [
    SafeTensorsDefect(1, "empty file", [], "ST-SHORT"),
    SafeTensorsDefect(2, "one byte", [1], "ST-SHORT"),
    SafeTensorsDefect(3, "nothing follows", B.length(8), "ST-HDRLEN"),
    SafeTensorsDefect(4, "length 0", B.length(0), "ST-JSON"),
    SafeTensorsDefect(5, "length one too many", B.length(3) + Array("{}".utf8), "ST-HDRLEN"),
    SafeTensorsDefect(
      6, "length 100,000,001", B.length(100_000_001) + Array("{}".utf8), "ST-HDRMAX"),
    SafeTensorsDefect(7, "length 2^63", B.length(1 << 63) + Array("{}".utf8), "ST-HDRMAX"),
  ]

  static let texts: [SafeTensorsDefect] = [
    SafeTensorsDefect(9, "byte FF", B.file([0x7b, 0xff, 0x7d]), "ST-UTF8"),
    SafeTensorsDefect(10, "byte order mark", B.file("\u{feff}{}"), "ST-JSON"),
    SafeTensorsDefect(11, "UTF-16", B.file([0x7b, 0, 0x7d, 0]), "ST-JSON"),
    SafeTensorsDefect(12, "brace only", B.file("{"), "ST-JSON"),
    SafeTensorsDefect(13, "array", B.file("[]"), "ST-JSON"),
    SafeTensorsDefect(14, "trailing comma", text("{\(B.entry()),}"), "ST-JSON"),
    SafeTensorsDefect(
      15, "deep arrays", B.file(String(repeating: "[", count: 100_000)), "ST-DEPTH"),
    SafeTensorsDefect(
      16, "too many entries",
      B.file("{" + (0..<140_000).map { "\"\($0)\":0" }.joined(separator: ",") + "}"), "ST-COUNT"),
  ]

  static let names: [SafeTensorsDefect] = [
    SafeTensorsDefect(18, "long name", B.one(String(repeating: "n", count: 4097)), "ST-NAME"),
    SafeTensorsDefect(
      19, "same name, same range",
      text(
        "{\(B.entry(dtype: "\"U8\"", shape: "[4]")),\(B.entry())}"), "ST-DUP"),
    SafeTensorsDefect(
      20, "same name escaped", text("{\(B.entry()),\(B.entry("\\u0077"))}"), "ST-DUP"),
    SafeTensorsDefect(
      22, "same field",
      text("{\"w\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"),
      "ST-DUP"),
    SafeTensorsDefect(
      23, "metadata twice", B.file("{\"__metadata__\":{},\"__metadata__\":{}}"), "ST-DUP"),
    SafeTensorsDefect(24, "metadata number", B.file("{\"__metadata__\":{\"a\":1}}"), "ST-META"),
    SafeTensorsDefect(26, "lone surrogate", B.one("\\ud800"), "ST-JSON"),
    SafeTensorsDefect(27, "empty name", B.one(""), "ST-NAME"),
    SafeTensorsDefect(28, "NUL in name", B.one("a\\u0000"), "ST-NAME"),
  ]

  static let fields: [SafeTensorsDefect] = [
    SafeTensorsDefect(30, "unknown dtype", B.one(dtype: "\"F31\""), "ST-DTYPE"),
    SafeTensorsDefect(
      31, "no dtype", text("{\"w\":{\"shape\":[1],\"data_offsets\":[0,4]}}"), "ST-FIELD"),
    SafeTensorsDefect(33, "dimension -1", B.one(shape: "[-1]"), "ST-SHAPE"),
    SafeTensorsDefect(
      34, "product wraps to 4",
      B.one(shape: "[4194305,4194305,211106198978564]", offsets: "[0,16]", data: 16),
      "ST-OVERFLOW"),
    SafeTensorsDefect(
      35, "product wraps to 0", B.one(shape: "[4294967296,4294967296]", offsets: "[0,0]", data: 0),
      "ST-OVERFLOW"),
    SafeTensorsDefect(
      35, "bits wrap", B.one(shape: "[2305843009213693952]", offsets: "[0,0]", data: 0),
      "ST-OVERFLOW"),
    SafeTensorsDefect(
      36, "zero last", B.one(shape: "[9223372036854775808,2,0]", offsets: "[0,0]", data: 0),
      "ST-OVERFLOW"),
    SafeTensorsDefect(
      36, "zero first", B.one(shape: "[0,9223372036854775808,2]", offsets: "[0,0]", data: 0),
      "ST-OVERFLOW"),
    SafeTensorsDefect(
      38, "10,000 dimensions",
      B.one(shape: "[\(Array(repeating: "1", count: 10_000).joined(separator: ","))]"), "ST-RANK"),
    SafeTensorsDefect(
      39, "half a byte", B.one(dtype: "\"F4\"", shape: "[3]", offsets: "[0,2]", data: 2),
      "ST-SIZE"),
  ]

  static let ranges: [SafeTensorsDefect] = [
    SafeTensorsDefect(40, "three offsets", B.one(offsets: "[0,4,8]"), "ST-OFFSET"),
    SafeTensorsDefect(41, "one byte short", B.one(offsets: "[0,3]", data: 3), "ST-SIZE"),
    SafeTensorsDefect(
      42, "gap", B.file("{\(B.entry("a")),\(B.entry("b", offsets: "[8,12]"))}", data: zeros(12)),
      "ST-OFFSET"),
    SafeTensorsDefect(
      43, "overlap", B.file("{\(B.entry("a")),\(B.entry("b", offsets: "[3,7]"))}", data: zeros(7)),
      "ST-OFFSET"),
    SafeTensorsDefect(17, "same range", text("{\(B.entry("a")),\(B.entry("b"))}"), "ST-OFFSET"),
    SafeTensorsDefect(
      44, "empty tensor inside",
      text("{\(B.entry("a")),\(B.entry("b", shape: "[0]", offsets: "[2,2]"))}"), "ST-OFFSET"),
    SafeTensorsDefect(45, "data one byte short", B.one(data: 3), "ST-TRUNC"),
    SafeTensorsDefect(46, "one byte more", B.one(data: 5), "ST-TRAIL"),
    SafeTensorsDefect(46, "64 bytes more", B.one(data: 68), "ST-TRAIL"),
    SafeTensorsDefect(46, "ZIP after", B.one() + Array("PK\u{3}\u{4}".utf8), "ST-TRAIL"),
    SafeTensorsDefect(46, "data without tensors", B.file("{}", data: [1]), "ST-TRAIL"),
  ]
}
