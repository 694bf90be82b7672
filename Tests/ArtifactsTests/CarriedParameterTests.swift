import Artifacts
import Checkpoints
import Compression
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing

/// Parameters carried beside the latents (`formats/loraxs.md` §10).
@Suite struct CarriedParameterTests {
  private static func values(
    _ rows: Int, _ columns: Int, _ storage: CarriedStorage?
  ) throws(Fault) -> CarriedValues {
    let numbers = (0..<rows * columns).map { Float(($0 * 37 + 11) % 23) / 7 - 1.5 }
    return try CarriedValues(
      Matrix(rows: rows, columns: columns, elements: numbers), storage: storage)
  }

  private static func all(_ storage: CarriedStorage?) throws(Fault) -> [CarriedParameter] {
    [
      CarriedParameter(
        parameter: "model.norm.weight", shape: [6], change: .replaced,
        values: try values(1, 6, storage)),
      CarriedParameter(
        parameter: "lm_head.weight", shape: [5, 6], change: .added,
        values: try values(5, 6, storage)),
      CarriedParameter(
        parameter: "model.layers.0.mlp.up_proj.weight", shape: [4, 6], change: .scaledRows,
        values: try values(1, 4, storage)),
      CarriedParameter(
        parameter: "model.embed_tokens.weight", shape: [5, 6], change: .rows([1, 4]),
        values: try values(2, 6, storage)),
      CarriedParameter(
        parameter: "model.embed_tokens.weight", shape: [5, 6],
        change: .product(b: try values(5, 2, storage), scaling: 0.3),
        values: try values(2, 6, storage)),
    ]
  }

  private static func artifact(_ storage: CarriedStorage?) throws -> Artifact {
    var artifact = try SyntheticArtifact.make(layers: 1, rank: 2, storage: .int8)
    artifact.carried = try all(storage)
    return artifact
  }

  @Test(arguments: [nil] + CarriedStorage.allCases.map { Optional($0) })
  func comeBackAsTheyWere(storage: CarriedStorage?) throws {
    let artifact = try Self.artifact(storage)
    let bytes = try artifact.bytes()
    let read = try Artifact(bytes: bytes)
    #expect(read == artifact && read.carried.count == 5)
    #expect(try read.bytes() == bytes)
  }

  @Test func withoutStorageNothingIsLost() throws {
    let halves: [Float] = [1, -0.5, 2.25]
    #expect(CarriedStorage.exact(halves) == .bf16)
    #expect(CarriedStorage.exact([1.0009765625]) == .f16)
    #expect(CarriedStorage.exact([0.1]) == .f32)
    for numbers in [halves, [1.0009765625, 2, 3], [0.1, 1, 1e-30]] {
      let matrix = Matrix<Float>(rows: 1, columns: 3, elements: numbers)
      #expect(try CarriedValues(matrix, storage: nil).matrix == matrix)
    }
    // One scale a row: within half a step of its largest number.
    let matrix = try Self.values(4, 9, .f32).matrix
    let stored = try CarriedValues(matrix, storage: .int8).matrix
    for row in 0..<4 {
      let line = (0..<9).map { matrix[row, $0] }
      let step = line.map(abs).max()! / 127
      for column in 0..<9 { #expect(abs(stored[row, column] - line[column]) <= step * 0.51) }
    }
    let beyond = fault { () throws(Fault) in
      try CarriedValues(Matrix(rows: 1, columns: 1, elements: [1e6]), storage: .f16)
    }
    #expect(beyond?.code == "VAL-RANGE")
  }

  @Test func schemaListsTheMembersThatAreWritten() throws {
    let schema = try JSONValue.parse(
      try InputFile(Checkout.path("formats/loraxs.schema.json")).readAll(limit: 1 << 20))
    let known = try #require(
      schema["properties"]?["carried"]?["items"]?["properties"]?.objectValue)
    let content = try Zstd.decompress(try Self.artifact(nil).bytes(), limit: 1 << 24)
    let text = try #require(SafeTensorsFile(bytes: content).metadata["xspress"]?.stringValue)
    let metadata = try JSONValue.parse(text)
    #expect(metadata["requires"]?.arrayValue?.contains("carried") == true)
    let entries = try #require(metadata["carried"]?.arrayValue)
    #expect(entries.count == 5)
    for entry in entries {
      for key in entry.objectValue?.keys ?? [] { #expect(known[key] != nil, "\(key)") }
    }
  }

  // MARK: - Refusals

  /// The file with one tensor or member changed, rewritten as a valid frame.
  private static func changed(
    drop: String? = nil, replace: (name: String, dtype: DType, shape: [Int], bytes: [UInt8])? = nil,
    member: (key: String, value: JSONValue)? = nil,
    entry: (index: Int, key: String, value: JSONValue)? = nil
  ) throws -> [UInt8] {
    let content = try Zstd.decompress(try artifact(.int8).bytes(), limit: 1 << 24)
    let file = try SafeTensorsFile(bytes: content)
    let text = try #require(file.metadata["xspress"]?.stringValue)
    var metadata = try #require(JSONValue.parse(text).objectValue)
    if let member { metadata[member.key] = member.value }
    if let entry {
      var list = try #require(metadata["carried"]?.arrayValue)
      var object = try #require(list[entry.index].objectValue)
      object[entry.key] = entry.value
      list[entry.index] = .object(object)
      metadata["carried"] = .array(list)
    }
    var writer = SafeTensorsWriter(metadata: [
      ("format", "loraxs"), ("version", "1"), ("xspress", JSONValue.object(metadata).text()),
    ])
    for tensor in file.tensors where tensor.name != drop && tensor.name != replace?.name {
      let dtype = try #require(DType(rawValue: tensor.dtypeName))
      try writer.add(
        tensor.name, dtype: dtype, shape: tensor.shape, bytes: try file.bytes(of: tensor))
    }
    if let replace {
      try writer.add(
        replace.name, dtype: replace.dtype, shape: replace.shape, bytes: replace.bytes)
    }
    return try Zstd.compress(try writer.bytes())
  }

  private func expect(
    _ bytes: [UInt8], _ code: String, _ exitCode: Int32 = 65,
    _ location: SourceLocation = #_sourceLocation
  ) {
    let found = fault { () throws(Fault) in try Artifact(bytes: bytes) }
    #expect(found?.code == code, "\(found?.description ?? "accepted")", sourceLocation: location)
    #expect(found?.exitCode == exitCode, sourceLocation: location)
  }

  @Test func contradictionsAreNamed() throws {
    for name in [
      "carried.0", "carried.1.scales", "carried.3.rows", "carried.4.b", "carried.4.b.scales",
    ] {
      expect(try Self.changed(drop: name), "ART-SHAPE")
    }
    expect(try Self.changed(member: ("requires", [])), "ART-META")
    expect(try Self.changed(member: ("requires", ["carried", "tomorrow"])), "ART-VERSION", 69)
    expect(try Self.changed(member: ("carried", [])), "ART-SHAPE")
    expect(try Self.changed(member: ("carried", "yes")), "ART-META")
    expect(try Self.changed(entry: (0, "change", "shuffled")), "ART-META", 69)
    expect(try Self.changed(entry: (0, "storage", "int3")), "ART-META", 69)
    expect(try Self.changed(entry: (0, "shape", [7])), "ART-SHAPE")
    expect(try Self.changed(entry: (0, "shape", [])), "ART-META")
    expect(try Self.changed(entry: (1, "shape", [5, 0])), "ART-META")
    expect(
      try Self.changed(entry: (1, "shape", [5, 1_073_741_824, 1_073_741_824, 1_073_741_824])),
      "ART-META")
    expect(try Self.changed(entry: (3, "count", 6)), "ART-META")
    expect(try Self.changed(entry: (4, "rank", 3)), "ART-SHAPE")
    expect(
      try Self.changed(
        replace: ("carried.1", .i8, [5, 6], [UInt8](repeating: 128, count: 30))), "ART-RANGE")
    expect(
      try Self.changed(replace: ("carried.3.rows", .u32, [2], [4, 0, 0, 0, 1, 0, 0, 0])),
      "ART-INDEX")
    expect(
      try Self.changed(replace: ("carried.3.rows", .u32, [2], [1, 0, 0, 0, 5, 0, 0, 0])),
      "ART-INDEX")
  }
}
