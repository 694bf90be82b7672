import Checkpoints
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing

@Suite struct SafeTensorsTests {
  private typealias B = SafeTensorsBytes

  static let sampleDataByteCount = 8 + 12 + 4 + 3

  /// One tensor of each of four types.
  static func sample() throws(Fault) -> SafeTensorsWriter {
    var writer = SafeTensorsWriter(metadata: [(key: "format", value: "pt"), (key: "a", value: "é")])
    try writer.add("bytes", dtype: .u8, shape: [3], bytes: [1, 2, 3])
    try writer.add("h", dtype: .f16, shape: [2], floats: [1.5, -0.25])
    try writer.add("b", shape: [3, 1], floats: [1, -2, 3e38])
    try writer.add("a", dtype: .i64, shape: [], bytes: [9, 0, 0, 0, 0, 0, 0, 0])
    return writer
  }

  // MARK: - Accepted edges (formats/safetensors.md §2–§4)

  @Test(arguments: [
    "{}", "  \t\r\n{}", "{} \r\n\t", "{\"__metadata__\":{}}", "{\"__metadata__\":{\"a\":\"b\"}}",
  ])
  func filesWithoutTensors(header: String) throws {
    #expect(try SafeTensorsFile(bytes: B.file(header)).tensors.isEmpty)
  }

  @Test(arguments: [
    "../../etc/cron.d/x", "/abs", "a/b", "a b", "日本", String(repeating: "n", count: 4096),
  ])
  func namesAreOnlyNames(name: String) throws {
    let file = try SafeTensorsFile(bytes: B.one(name))
    #expect(file[name]?.byteCount == 4)
  }

  @Test func composedAndDecomposedNamesAreTwoTensors() throws {
    let file = try SafeTensorsFile(
      bytes: B.file(
        "{\(B.entry("\u{e9}")),\(B.entry("e\u{301}", offsets: "[4,8]"))}",
        data: [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]))
    #expect(file.tensors.count == 2)
    #expect(try file.floats(of: try file.tensor("\u{e9}")) == [1])
    #expect(try file.floats(of: try file.tensor("e\u{301}")) == [2])
  }

  @Test func unknownFieldsAreIgnored() throws {
    let header =
      "{\"w\":{\"x\":[1],\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"y\":null}}"
    #expect(try SafeTensorsFile(bytes: B.file(header, data: [0, 0, 0, 0])).tensors.count == 1)
  }

  @Test func emptyAndScalarTensors() throws {
    let header =
      "{\(B.entry("e", shape: "[2,0]", offsets: "[0,0]")),\(B.entry("s", shape: "[]")),"
      + "\(B.entry("z", shape: "[0]", offsets: "[4,4]"))}"
    let file = try SafeTensorsFile(bytes: B.file(header, data: [0, 0, 0x80, 0x3f]))
    #expect(file.tensors.map(\.name) == ["e", "s", "z"])
    #expect(try file.floats(of: try file.tensor("e")).isEmpty)
    #expect(try file.floats(of: try file.tensor("s")) == [1])
    #expect(try file.tensor("s").shape == [])
  }

  @Test(arguments: ["F32", "F16", "BF16", "F64"]) func emptyTensorsOfAFile(dtype: String) throws {
    try withCheckpoint(
      B.one(dtype: "\"\(dtype)\"", shape: "[2,0]", offsets: "[0,0]", data: 0),
      named: "m.safetensors"
    ) { checkpoint in
      for threads in [1, 3] {
        let values = try checkpoint.floats("w", threads: threads)
        #expect(values.isEmpty)
      }
    }
  }

  @Test func unalignedDataIsRead() throws {
    let header =
      "{\(B.entry("a", dtype: "\"U8\"", shape: "[1]", offsets: "[0,1]")),"
      + "\(B.entry("w", offsets: "[1,5]"))}"
    let file = try SafeTensorsFile(bytes: B.file(header, data: [7, 0, 0, 0x20, 0x41]))
    #expect(try file.floats(of: try file.tensor("w")) == [10])
  }

  @Test(arguments: ["BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"])
  func otherTypesAreListedAndNotConverted(dtype: String) throws {
    let file = try SafeTensorsFile(
      bytes: B.one(dtype: "\"\(dtype)\"", shape: "[4]", offsets: "[0,4]"))
    let found = fault { () throws(Fault) in try file.floats(of: file.tensors[0]) }
    #expect(found?.exitCode == 69)
    #expect(found?.code == "ST-DTYPE")
    #expect(found?.tensor == "w")
  }

  @Test func halfBytesAreListedWhenTheyFillBytes() throws {
    let file = try SafeTensorsFile(
      bytes: B.one(dtype: "\"F4\"", shape: "[8]", offsets: "[0,4]"))
    #expect(file.tensors[0].byteCount == 4)
  }

  // MARK: - Values

  @Test func everyHalfAndBrainFloatIsExact() throws {
    let bits = (0...UInt16.max).map { $0 }
    let bytes = bits.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    for dtype in [DType.f16, .bf16] {
      let file = try SafeTensorsFile(
        bytes: B.one(
          dtype: "\"\(dtype.rawValue)\"", shape: "[65536]", offsets: "[0,131072]", data: 0) + bytes)
      let values = try file.floats(of: file.tensors[0], allowingNonFinite: true)
      for (index, value) in values.enumerated() {
        let expected =
          dtype == .f16
          ? HalfPrecision.float(half: bits[index]) : HalfPrecision.float(brain: bits[index])
        if expected.isNaN {
          #expect(value.isNaN)
        } else if value.bitPattern != expected.bitPattern {
          Issue.record("\(dtype) \(bits[index]): \(value), expected \(expected)")
        }
      }
    }
  }

  /// Longer than the pieces in which a file is read, by an odd number of elements.
  @Test(arguments: [DType.f16, .bf16, .f64])
  func longTensorsAreReadInPieces(dtype: DType) throws {
    let count = 300_001
    let expected = (0..<count).map { Float($0 % 251) - 100 }
    let data = expected.flatMap { value -> [UInt8] in
      switch dtype {
      case .f16: littleEndian(HalfPrecision.half(value))
      case .bf16: littleEndian(HalfPrecision.brain(value))
      default: littleEndian(Double(value).bitPattern)
      }
    }
    let bytes =
      B.one(
        dtype: "\"\(dtype.rawValue)\"", shape: "[\(count)]", offsets: "[0,\(data.count)]", data: 0)
      + data
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "f.safetensors")
      try AtomicFile.write(path, bytes: bytes)
      let file = try SafeTensorsFile.open(path)
      #expect(try file.floats(of: file.tensors[0]) == expected)
      #expect(try file.floats(of: file.tensors[0], threads: 3) == expected)
    }
  }

  private func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }

  @Test func doublesAndIntegers() throws {
    let header = """
      {"d":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},\
      "i":{"dtype":"I16","shape":[2],"data_offsets":[16,20]},\
      "j":{"dtype":"I8","shape":[2],"data_offsets":[20,22]},\
      "u":{"dtype":"U32","shape":[1],"data_offsets":[22,26]}}
      """
    let pi = (0..<8).map { UInt8(truncatingIfNeeded: Double.pi.bitPattern >> (8 * UInt64($0))) }
    let huge = (0..<8).map { UInt8(truncatingIfNeeded: (1e300).bitPattern >> (8 * UInt64($0))) }
    let file = try SafeTensorsFile(
      bytes: B.file(header, data: pi + huge + [0xfe, 0xff, 1, 2, 0x80, 0x7f, 1, 0, 0, 0x80]))
    let d = try file.tensor("d")
    #expect(try file.doubles(of: d) == [.pi, 1e300])
    let found = fault { () throws(Fault) in try file.floats(of: d) }
    #expect(found?.code == "VAL-RANGE")
    #expect(found?.reason.contains("element 1") == true)
    #expect(try file.integers(of: try file.tensor("i")) == [-2, 513])
    #expect(try file.integers(of: try file.tensor("j")) == [-128, 127])
    #expect(try file.integers(of: try file.tensor("u")) == [0x8000_0001])
    #expect(fault { () throws(Fault) in try file.integers(of: d) }?.code == "ST-DTYPE")
  }

  @Test(arguments: [0, 4097, 9999], [Float.nan, .infinity, -.infinity])
  func valuesThatAreNotFiniteAreNamed(place: Int, value: Float) throws {
    var elements = [Float](repeating: 1, count: 10_000)
    elements[place] = value
    let data = elements.withUnsafeBytes { Array($0) }
    let bytes = B.one(shape: "[10000]", offsets: "[0,40000]", data: 0) + data
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "f.safetensors")
      try AtomicFile.write(path, bytes: bytes)
      for file in [try SafeTensorsFile(bytes: bytes), try SafeTensorsFile.open(path)] {
        let found = fault { () throws(Fault) in try file.floats(of: file.tensors[0]) }
        #expect(found?.code == "VAL-NAN")
        #expect(found?.reason == "element \(place) is \(value)")
        #expect(
          try file.floats(of: file.tensors[0], allowingNonFinite: true)[place].bitPattern
            == value.bitPattern)
      }
    }
  }

  @Test func missingTensorAndWrongRankAreNamed() throws {
    let file = try SafeTensorsFile(bytes: B.one())
    #expect(fault { () throws(Fault) in try file.tensor("v") }?.code == "ST-MISSING")
    #expect(fault { () throws(Fault) in try file.matrix(of: file.tensors[0]) }?.code == "ST-RANK")
  }

  // MARK: - Writing

  @Test func writesWidestTypesFirstAndPadsTheHeader() throws {
    let bytes = try SafeTensorsTests.sample().bytes()
    let header = """
      {"__metadata__":{"format":"pt","a":"é"},\
      "a":{"dtype":"I64","shape":[],"data_offsets":[0,8]},\
      "b":{"dtype":"F32","shape":[3,1],"data_offsets":[8,20]},\
      "h":{"dtype":"F16","shape":[2],"data_offsets":[20,24]},\
      "bytes":{"dtype":"U8","shape":[3],"data_offsets":[24,27]}}
      """
    let padded =
      Array(header.utf8) + [UInt8](repeating: 0x20, count: (8 - header.utf8.count % 8) % 8)
    #expect(Array(bytes.prefix(8 + padded.count)) == B.length(UInt64(padded.count)) + padded)
    #expect(bytes.count == 8 + padded.count + SafeTensorsTests.sampleDataByteCount)
  }

  @Test func readsBackWhatItWrites() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "m.safetensors")
      let writer = try SafeTensorsTests.sample()
      let written = try writer.write(to: path)
      #expect(written.byteCount == writer.byteCount)
      let file = try SafeTensorsFile.open(path)
      #expect(file.metadata["a"] == "é")
      #expect(try file.floats(of: try file.tensor("h")) == [1.5, -0.25])
      #expect(try file.matrix(of: try file.tensor("b")).elements == [1, -2, 3e38])
      #expect(try file.bytes(of: try file.tensor("bytes")) == [1, 2, 3])
      #expect(try InputFile(path).readAll(limit: 1000) == (try writer.bytes()))
      try file.checkUnchanged()
    }
  }

  /// The demo adapters were written by the reference implementation: decoding and encoding them again
  /// must give the same bytes.
  @Test(arguments: ["banking77-r16", "clinc-domains-r8"])
  func encodingADecodedReferenceFileGivesTheSameBytes(adapter: String) throws {
    let path = Checkout.path("golden/adapters/\(adapter)/adapter_model.safetensors")
    let file = try SafeTensorsFile.open(path)
    var writer = SafeTensorsWriter(
      metadata: file.metadata.members.map { ($0.key, $0.value.stringValue ?? "") })
    for tensor in file.tensors.reversed() {
      let dtype = try #require(DType(rawValue: tensor.dtypeName))
      try writer.add(
        tensor.name, dtype: dtype, shape: tensor.shape, floats: try file.floats(of: tensor))
    }
    let original = try SHA256Digest.of(try InputFile(path))
    #expect(SHA256Digest.of(try writer.bytes()) == original)
  }

  @Test func writerRefusesWhatCannotBeRead() throws {
    var writer = SafeTensorsWriter()
    try writer.add("w", shape: [1], floats: [1])
    let cases: [(String, String)] = [
      ("w", "ST-WRITE"), ("", "ST-WRITE"), ("__metadata__", "ST-WRITE"),
    ]
    for (name, code) in cases {
      #expect(
        fault { () throws(Fault) in try writer.add(name, shape: [1], floats: [1]) }?.code == code)
    }
    for value in [Float.nan, .infinity, 70_000] {
      #expect(
        fault { () throws(Fault) in
          try writer.add("v", dtype: .f16, shape: [1], floats: [value])
        }?.code == "VAL-RANGE")
    }
    #expect(
      fault { () throws(Fault) in try writer.add("v", shape: [Int.max, 4], floats: []) }?.code
        == "ST-WRITE")
    try writer.add("short", shape: [2], floats: [1])
    #expect(fault { () throws(Fault) in try writer.bytes() }?.code == "ST-WRITE")
  }
}
