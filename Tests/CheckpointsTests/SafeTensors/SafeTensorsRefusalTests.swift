import Checkpoints
import Faults
import Files
import TestSupport
import Testing

/// The refusals of `formats/safetensors.md` §2–§4, one defect each.
@Suite struct SafeTensorsRefusalTests {
  struct Refusal: Sendable, CustomTestStringConvertible {
    let clause: Int
    let name: String
    let bytes: [UInt8]
    let code: String
    var testDescription: String { "\(clause) \(name): \(code)" }

    init(_ clause: Int, _ name: String, _ bytes: [UInt8], _ code: String) {
      (self.clause, self.name, self.bytes, self.code) = (clause, name, bytes, code)
    }
  }

  private typealias B = SafeTensorsBytes

  private static func text(_ header: String) -> [UInt8] {
    B.file(header, data: [0, 0, 0, 0])
  }

  static let lengths: [Refusal] = [
    Refusal(1, "empty file", [], "ST-SHORT"),
    Refusal(2, "one byte", [1], "ST-SHORT"),
    Refusal(2, "seven bytes", [1, 0, 0, 0, 0, 0, 0], "ST-SHORT"),
    Refusal(3, "nothing follows", B.length(8), "ST-HDRLEN"),
    Refusal(4, "length 0", B.length(0), "ST-JSON"),
    Refusal(5, "length one too many", B.length(3) + Array("{}".utf8), "ST-HDRLEN"),
    Refusal(6, "length 100,000,001", B.length(100_000_001) + Array("{}".utf8), "ST-HDRMAX"),
    Refusal(7, "length 2^63", B.length(1 << 63) + Array("{}".utf8), "ST-HDRMAX"),
    Refusal(7, "length 2^64-1", B.length(.max) + Array("{}".utf8), "ST-HDRMAX"),
    Refusal(7, "length wraps", B.length(.max - 7) + Array("{}".utf8), "ST-HDRMAX"),
  ]

  static let texts: [Refusal] = [
    Refusal(9, "byte FF", B.file([0x7b, 0xff, 0x7d]), "ST-UTF8"),
    Refusal(9, "overlong", B.file([0x7b, 0x22, 0xc0, 0x80, 0x22, 0x7d]), "ST-UTF8"),
    Refusal(9, "surrogate", B.file([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x7d]), "ST-UTF8"),
    Refusal(10, "byte order mark", B.file("\u{feff}{}"), "ST-JSON"),
    Refusal(11, "UTF-16", B.file([0x7b, 0, 0x7d, 0]), "ST-JSON"),
    Refusal(12, "brace only", B.file("{"), "ST-JSON"),
    Refusal(12, "letter after", B.file("{}x"), "ST-JSON"),
    Refusal(12, "second object", B.file("{}{}"), "ST-JSON"),
    Refusal(12, "NULs after", B.file("{}\0\0"), "ST-JSON"),
    Refusal(12, "comment", B.file("{}/**/"), "ST-JSON"),
    Refusal(13, "array", B.file("[]"), "ST-JSON"),
    Refusal(13, "null", B.file("null"), "ST-JSON"),
    Refusal(13, "string", B.file("\"a\""), "ST-JSON"),
    Refusal(13, "number", B.file("1"), "ST-JSON"),
    Refusal(14, "trailing comma", text("{\(B.entry()),}"), "ST-JSON"),
    Refusal(14, "leading zero", B.one(shape: "[01]"), "ST-JSON"),
    Refusal(14, "plus sign", B.one(shape: "[+1]"), "ST-JSON"),
    Refusal(14, "point first", B.one(shape: "[.5]"), "ST-JSON"),
    Refusal(14, "NaN", B.one(shape: "[NaN]"), "ST-JSON"),
    Refusal(14, "single quotes", text("{'w':1}"), "ST-JSON"),
    Refusal(14, "newline in name", B.one("a\nb"), "ST-JSON"),
    Refusal(15, "deep arrays", B.file(String(repeating: "[", count: 100_000)), "ST-DEPTH"),
    Refusal(
      15, "deep objects", B.file(String(repeating: "{\"a\":", count: 100_000)), "ST-DEPTH"),
    Refusal(
      16, "too many entries",
      B.file("{" + (0..<140_000).map { "\"\($0)\":0" }.joined(separator: ",") + "}"), "ST-COUNT"),
  ]

  static let names: [Refusal] = [
    Refusal(18, "long name", B.one(String(repeating: "n", count: 4097)), "ST-NAME"),
    Refusal(
      19, "same name, same range",
      text(
        "{\(B.entry(dtype: "\"U8\"", shape: "[4]")),\(B.entry())}"), "ST-DUP"),
    Refusal(20, "same name escaped", text("{\(B.entry()),\(B.entry("\\u0077"))}"), "ST-DUP"),
    Refusal(
      22, "same field",
      text("{\"w\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"),
      "ST-DUP"),
    Refusal(23, "metadata twice", B.file("{\"__metadata__\":{},\"__metadata__\":{}}"), "ST-DUP"),
    Refusal(
      23, "metadata key twice", B.file("{\"__metadata__\":{\"a\":\"1\",\"a\":\"1\"}}"), "ST-DUP"),
    Refusal(24, "metadata number", B.file("{\"__metadata__\":{\"a\":1}}"), "ST-META"),
    Refusal(24, "metadata list", B.file("{\"__metadata__\":{\"a\":[]}}"), "ST-META"),
    Refusal(24, "metadata null value", B.file("{\"__metadata__\":{\"a\":null}}"), "ST-META"),
    Refusal(24, "metadata object", B.file("{\"__metadata__\":{\"a\":{}}}"), "ST-META"),
    Refusal(24, "metadata null", B.file("{\"__metadata__\":null}"), "ST-META"),
    Refusal(24, "metadata array", B.file("{\"__metadata__\":[]}"), "ST-META"),
    Refusal(26, "lone surrogate", B.one("\\ud800"), "ST-JSON"),
    Refusal(27, "empty name", B.one(""), "ST-NAME"),
    Refusal(28, "NUL in name", B.one("a\\u0000"), "ST-NAME"),
    Refusal(28, "escape in name", B.one("\\u001b[31m"), "ST-NAME"),
    Refusal(28, "newline in name", B.one("a\\nb"), "ST-NAME"),
    Refusal(28, "right-to-left override", B.one("a\u{202e}b"), "ST-NAME"),
  ]

  static let fields: [Refusal] = [
    Refusal(30, "unknown dtype", B.one(dtype: "\"F31\""), "ST-DTYPE"),
    Refusal(30, "lower case", B.one(dtype: "\"f32\""), "ST-DTYPE"),
    Refusal(30, "U4", B.one(dtype: "\"U4\""), "ST-DTYPE"),
    Refusal(31, "no dtype", text("{\"w\":{\"shape\":[1],\"data_offsets\":[0,4]}}"), "ST-FIELD"),
    Refusal(
      31, "no shape", text("{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}"), "ST-FIELD"),
    Refusal(31, "no offsets", text("{\"w\":{\"dtype\":\"F32\",\"shape\":[1]}}"), "ST-FIELD"),
    Refusal(31, "dtype number", B.one(dtype: "1"), "ST-FIELD"),
    Refusal(31, "shape string", B.one(shape: "\"1\""), "ST-FIELD"),
    Refusal(31, "shape null", B.one(shape: "null"), "ST-FIELD"),
    Refusal(31, "offsets object", B.one(offsets: "{}"), "ST-FIELD"),
    Refusal(31, "entry array", text("{\"w\":[\"F32\",[1],[0,4]]}"), "ST-FIELD"),
    Refusal(31, "entry null", text("{\"w\":null}"), "ST-FIELD"),
    Refusal(33, "dimension -1", B.one(shape: "[-1]"), "ST-SHAPE"),
    Refusal(33, "dimension 1.0", B.one(shape: "[1.0]"), "ST-SHAPE"),
    Refusal(33, "dimension 1e0", B.one(shape: "[1e0]"), "ST-SHAPE"),
    Refusal(33, "dimension string", B.one(shape: "[\"1\"]"), "ST-SHAPE"),
    Refusal(33, "dimension null", B.one(shape: "[null]"), "ST-SHAPE"),
    Refusal(33, "dimension 2^63", B.one(shape: "[9223372036854775808]"), "ST-SHAPE"),
    Refusal(33, "dimension 2^64", B.one(shape: "[18446744073709551616]"), "ST-SHAPE"),
    Refusal(
      33, "40 digits", B.one(shape: "[\(String(repeating: "1", count: 40))]"), "ST-SHAPE"),
    Refusal(
      34, "product wraps to 4",
      B.one(shape: "[4194305,4194305,211106198978564]", offsets: "[0,16]", data: 16),
      "ST-OVERFLOW"),
    Refusal(
      35, "product wraps to 0", B.one(shape: "[4294967296,4294967296]", offsets: "[0,0]", data: 0),
      "ST-OVERFLOW"),
    Refusal(
      35, "bits wrap", B.one(shape: "[2305843009213693952]", offsets: "[0,0]", data: 0),
      "ST-OVERFLOW"),
    Refusal(
      36, "zero last", B.one(shape: "[9223372036854775808,2,0]", offsets: "[0,0]", data: 0),
      "ST-OVERFLOW"),
    Refusal(
      36, "zero first", B.one(shape: "[0,9223372036854775808,2]", offsets: "[0,0]", data: 0),
      "ST-OVERFLOW"),
    Refusal(
      38, "10,000 dimensions",
      B.one(shape: "[\(Array(repeating: "1", count: 10_000).joined(separator: ","))]"), "ST-RANK"),
    Refusal(
      39, "half a byte", B.one(dtype: "\"F4\"", shape: "[3]", offsets: "[0,2]", data: 2),
      "ST-SIZE"),
    Refusal(
      39, "six bits", B.one(dtype: "\"F6_E2M3\"", shape: "[3]", offsets: "[0,3]", data: 3),
      "ST-SIZE"),
  ]

  static let ranges: [Refusal] = [
    Refusal(40, "three offsets", B.one(offsets: "[0,4,8]"), "ST-OFFSET"),
    Refusal(40, "one offset", B.one(offsets: "[0]"), "ST-OFFSET"),
    Refusal(40, "reversed", B.one(offsets: "[4,0]"), "ST-OFFSET"),
    Refusal(40, "negative", B.one(offsets: "[-4,0]"), "ST-OFFSET"),
    Refusal(40, "2^64-1", B.one(offsets: "[0,18446744073709551615]"), "ST-OFFSET"),
    Refusal(40, "2^64", B.one(offsets: "[0,18446744073709551616]"), "ST-OFFSET"),
    Refusal(40, "fraction", B.one(offsets: "[0,4.0]"), "ST-OFFSET"),
    Refusal(41, "one byte short", B.one(offsets: "[0,3]", data: 3), "ST-SIZE"),
    Refusal(41, "one byte long", B.one(offsets: "[0,5]", data: 5), "ST-SIZE"),
    Refusal(
      42, "gap", B.file("{\(B.entry("a")),\(B.entry("b", offsets: "[8,12]"))}", data: zeros(12)),
      "ST-OFFSET"),
    Refusal(42, "first at 4", B.one(offsets: "[4,8]", data: 8), "ST-OFFSET"),
    Refusal(
      43, "overlap", B.file("{\(B.entry("a")),\(B.entry("b", offsets: "[3,7]"))}", data: zeros(7)),
      "ST-OFFSET"),
    Refusal(
      43, "contained",
      B.file(
        "{\(B.entry("a", shape: "[2]", offsets: "[0,8]")),\(B.entry("b", offsets: "[2,6]"))}",
        data: zeros(8)), "ST-OFFSET"),
    Refusal(17, "same range", text("{\(B.entry("a")),\(B.entry("b"))}"), "ST-OFFSET"),
    Refusal(
      44, "empty tensor inside",
      text("{\(B.entry("a")),\(B.entry("b", shape: "[0]", offsets: "[2,2]"))}"), "ST-OFFSET"),
    Refusal(45, "data one byte short", B.one(data: 3), "ST-TRUNC"),
    Refusal(45, "no data", B.one(data: 0), "ST-TRUNC"),
    Refusal(46, "one byte more", B.one(data: 5), "ST-TRAIL"),
    Refusal(46, "64 bytes more", B.one(data: 68), "ST-TRAIL"),
    Refusal(46, "ZIP after", B.one() + Array("PK\u{3}\u{4}".utf8), "ST-TRAIL"),
    Refusal(46, "data without tensors", B.file("{}", data: [1]), "ST-TRAIL"),
  ]

  private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

  @Test(arguments: lengths + texts + names + fields + ranges)
  func refuses(_ refusal: Refusal) throws {
    let memory = fault { () throws(Fault) in try SafeTensorsFile(bytes: refusal.bytes) }
    #expect(memory?.code == refusal.code)
    #expect(memory?.exitCode == 65)
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "model.safetensors")
      try AtomicFile.write(path, bytes: refusal.bytes)
      let found = fault { () throws(Fault) in try SafeTensorsFile.open(path) }
      #expect(found?.code == refusal.code)
      #expect(found?.path == path)
      if let found {
        #expect(found.line.utf8.count <= 400)
        #expect(found.line.utf8.allSatisfy { (0x20..<0x7f).contains($0) })
      }
    }
  }

  @Test func reasonNamesTensorAndNumbers() {
    let found = fault { () throws(Fault) in
      try SafeTensorsFile(bytes: B.one("q.weight", shape: "[1000000]"), path: "a/m.safetensors")
    }
    #expect(
      found?.line
        == "error: a/m.safetensors: tensor \"q.weight\": data_offsets [0,4] are 4 bytes, dtype F32 "
        + "shape [1000000] needs 4000000 bytes: ST-SIZE")
    let overlap = fault { () throws(Fault) in
      try SafeTensorsFile(
        bytes: B.file(
          "{\(B.entry("a")),\(B.entry("b", offsets: "[3,7]"))}", data: [0, 0, 0, 0, 0, 0, 0]))
    }
    #expect(overlap?.tensor == "b")
    #expect(overlap?.reason.contains("\"a\"") == true)
  }

  @Test(arguments: [
    ("GGUF\u{3}\0\0\0\0\0\0\0", "FILE-FORMAT", Int32(69)),
    ("PK\u{3}\u{4}\0\0\0\0\0\0\0\0\u{ff}", "FILE-FORMAT", 69),
    ("version https://git-lfs.github.com/spec/v1\noid sha256:0", "FILE-LFS", 65),
    ("<!DOCTYPE html><html></html>", "FILE-HTML", 65), ("\u{80}\u{2}}q", "ST-HDRLEN", 65),
  ])
  func otherFormatsAreNamed(text: String, code: String, exitCode: Int32) throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "model.safetensors")
      try AtomicFile.write(path, text: text)
      let found = fault { () throws(Fault) in try SafeTensorsFile.open(path) }
      if code != "ST-HDRLEN" {
        #expect(found?.code == code)
        #expect(found?.exitCode == exitCode)
      } else {
        #expect(found != nil)
      }
    }
  }

  /// A header alone has all of its bytes.
  @Test func headersAreWhole() throws {
    let whole = try SafeTensorsTests.sample().bytes()
    let end = try SafeTensorsFile.headerEnd(prefix: whole, fileByteCount: whole.count)
    func refusal(_ count: Int) -> Fault? {
      fault { () throws(Fault) in
        try SafeTensorsFile.metadata(
          ofHeader: Array(whole[..<count]), fileByteCount: whole.count)
      }
    }
    #expect(refusal(end) == nil)
    for count in [end - 1, end + 1] {
      #expect(refusal(count)?.code == "ST-SHORT" && refusal(count)?.exitCode == 65)
    }
  }

  /// The writer refuses such a value, so that it is put into the file.
  @Test(arguments: [Double.nan, .infinity]) func longNumbersAreFinite(_ value: Double) throws {
    let bytes = B.file(
      "{\(B.entry(dtype: "\"F64\"", shape: "[2]", offsets: "[0,16]"))}",
      data: [UInt8](repeating: 0, count: 8) + B.length(value.bitPattern))
    let file = try SafeTensorsFile(bytes: bytes)
    let found = fault { () throws(Fault) in try file.doubles(of: file.tensors[0]) }
    #expect(found?.code == "VAL-NAN" && found?.exitCode == 65 && found?.tensor == "w")
    #expect(found?.reason.hasPrefix("element 1 is") == true)
  }

  @Test func everyPrefixIsRefused() throws {
    let whole = try SafeTensorsTests.sample().bytes()
    for count in 0..<whole.count {
      let found = fault { () throws(Fault) in try SafeTensorsFile(bytes: Array(whole[..<count])) }
      #expect(["ST-SHORT", "ST-HDRLEN", "ST-TRUNC"].contains(found?.code))
    }
  }

  @Test func bitFlipsOfTheHeaderNeverShowOtherBytes() throws {
    let whole = try SafeTensorsTests.sample().bytes()
    let dataStart = whole.count - SafeTensorsTests.sampleDataByteCount
    for bit in 0..<dataStart * 8 {
      var flipped = whole
      flipped[bit / 8] ^= 1 << (bit % 8)
      guard let file = try? SafeTensorsFile(bytes: flipped) else { continue }
      // What is still accepted covers exactly the data, tensor after tensor.
      var end = flipped.count - file.tensors.reduce(0) { $0 + $1.byteCount }
      for tensor in file.tensors {
        #expect(tensor.byteOffset == end)
        end += tensor.byteCount
      }
      #expect(end == flipped.count)
    }
  }
}
