import Artifacts
import Checkpoints
import Compression
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing

/// The refusals of `formats/loraxs.md` §7: damage to the file, and payloads that contradict
/// themselves.
@Suite struct ArtifactRefusalTests {
  private func expect(
    _ bytes: [UInt8], _ code: String, _ exitCode: Int32 = 65,
    _ location: SourceLocation = #_sourceLocation
  ) {
    let found = fault { () throws(Fault) in try Artifact(bytes: bytes) }
    #expect(found?.code == code, sourceLocation: location)
    #expect(found?.exitCode == exitCode, sourceLocation: location)
  }

  private func rewritten(_ change: (inout Payload) throws -> Void) throws -> [UInt8] {
    var payload = try Payload()
    try change(&payload)
    return try payload.bytes()
  }

  private func withMember(_ key: String, _ value: JSONValue?) throws -> [UInt8] {
    try rewritten { $0.metadata[key] = value }
  }

  @Test func unchangedPayloadIsAccepted() throws {
    let artifact = try Artifact(bytes: try rewritten { _ in })
    #expect(artifact == (try SyntheticArtifact.make(layers: 1, rank: 2, storage: .int8)))
  }

  // MARK: - The file (§7.1)

  @Test func everyTruncationIsNamed() throws {
    let bytes = try SyntheticArtifact.make(layers: 1, rank: 2, storage: .int4).bytes()
    for count in 0..<bytes.count { expect(Array(bytes[..<count]), "ART-TRUNC") }
  }

  @Test func noBitFlipGoesUnnoticed() throws {
    let artifact = try SyntheticArtifact.make(layers: 2, rank: 4, storage: .int8)
    let bytes = try artifact.bytes()
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<1000 {
      let bit = generator.index(below: bytes.count * 8)
      var flipped = bytes
      flipped[bit / 8] ^= 1 << (bit % 8)
      let damaged = flipped
      var read: Artifact?
      let found = fault { () throws(Fault) in read = try Artifact(bytes: damaged) }
      #expect(found != nil || read == artifact, "bit \(bit)")
    }
  }

  @Test func otherFilesAreNamed() throws {
    expect(Array("GGUF\u{3}\0\0\0".utf8), "FILE-FORMAT", 69)
    expect(Array("PK\u{3}\u{4}".utf8), "FILE-FORMAT", 69)
    expect(Array("version https://git-lfs".utf8), "FILE-LFS")
    expect(try Zstd.compress(Array("hello".utf8)), "ST-SHORT")
    expect(try Zstd.compress(try SafeTensorsWriter().bytes()), "ART-META")
    let missing = fault { () throws(Fault) in try Artifact.read("/nonexistent.loraxs") }
    #expect(missing?.exitCode == 66)
    #expect(missing?.path == "/nonexistent.loraxs")
  }

  // MARK: - Versions and metadata (§7.2)

  @Test func newerVersionsAreUnsupported() throws {
    expect(try withMember("schema", "xspress.artifact/2"), "ART-VERSION", 69)
    expect(try withMember("requires", ["compact-proofs", "entropy-coder"]), "ART-VERSION", 69)
    expect(try rewritten { $0.container["version"] = "2" }, "ART-VERSION", 69)
    expect(try withMember("placement", "input"), "ART-META", 69)
    expect(try withMember("storage", "int1"), "ART-META", 69)
    expect(try withMember("directions", "learned"), "ART-META", 69)
  }

  @Test(arguments: [
    "schema", "createdBy", "placement", "storage", "directions", "base", "adapter", "accuracy",
    "modules",
  ])
  func missingMembersAreNamed(key: String) throws {
    let bytes = try withMember(key, nil)
    expect(bytes, "ART-META")
    let found = fault { () throws(Fault) in try Artifact(bytes: bytes) }
    #expect(found?.reason.hasPrefix(key) == true)
  }

  @Test func wrongMembersAreNamed() throws {
    expect(try withMember("schema", "other/1"), "ART-META")
    expect(try withMember("omegaSeed", -1), "ART-META")
    expect(try withMember("directions", "top"), "ART-META")
    expect(try withMember("modules", []), "ART-META")
    expect(try withMember("base", ["architecture": "x", "rootDigest": "12"]), "ART-META")
    expect(try withMember("adapter", ["name": "x"]), "ART-META")
    // Either an adapter or a start from nothing.
    expect(try withMember("scratch", ["name": "x", "modules": ["q_proj"]]), "ART-META")
    for scratch in [["name": "x"], ["modules": []], ["name": "x", "modules": [1]]] as [JSONValue] {
      expect(
        try rewritten {
          $0.metadata["adapter"] = nil
          $0.metadata["scratch"] = scratch
        }, "ART-META")
    }
    expect(try rewritten { $0.container["xspress"] = "{\"a\":1,\"a\":2}" }, "ART-META")
    expect(try rewritten { $0.container["format"] = "pt" }, "ART-META")
    expect(try rewritten { $0.container["xspress"] = .some(nil) }, "ART-META")
  }

  static let moduleLists: [(JSONValue, String)] = [
    ([["name": "a", "shape": [4], "rank": [2, 2]]], "ART-META"),
    ([["name": "a", "shape": [4, 0], "rank": [2, 2]]], "ART-META"),
    ([["name": "a", "shape": [4, 4], "rank": [2, 5]]], "ART-SHAPE"),
    ([["name": "a", "shape": [4, 4], "rank": [2, 0]]], "ART-SHAPE"),
    ([["name": "a", "layers": [[0, 1]], "shape": [4, 4], "rank": [2, 2]]], "ART-META"),
    ([["name": "a.*", "layers": [[1, 0]], "shape": [4, 4], "rank": [2, 2]]], "ART-META"),
    (
      [["name": "a.*", "layers": [[0, 1_099_511_627_776]], "shape": [4, 4], "rank": [2, 2]]],
      "ART-META"
    ),
    (
      [["name": "a.*", "layers": [[0, 1], [1, 2]], "shape": [4, 4], "rank": [2, 2]]], "ART-DUP"
    ),
    ([["name": "a", "shape": [4, 4], "rank": [2, 2]]], "ART-SHAPE"),
  ]

  @Test(arguments: moduleLists) func wrongModuleLists(list: JSONValue, code: String) throws {
    expect(try withMember("modules", list), code)
  }

  @Test func residualsAreChecked() throws {
    let artifact = try SyntheticArtifact.make(layers: 1, rank: 2, storage: .int8, residual: 1)
    func changed(_ change: (inout Payload) throws -> Void) throws -> [UInt8] {
      var payload = try Payload(artifact)
      try change(&payload)
      return try payload.bytes()
    }
    #expect(try Artifact(bytes: try changed { _ in }) == artifact)
    expect(try changed { $0.metadata["requires"] = ["compact-proofs"] }, "ART-SHAPE")
    expect(try changed { $0.metadata["requires"] = ["residual", "more"] }, "ART-VERSION", 69)
    expect(try changed { $0.metadata["requires"] = [1] }, "ART-META")
    // More pairs than a module has features, and other numbers of them than there are codes.
    expect(
      try changed {
        $0.tensors["residual_pairs"]?.bytes = [UInt8](repeating: 255, count: 7)
      }, "ART-SHAPE")
    expect(
      try changed { $0.tensors["residual_pairs"]?.bytes = [1, 1, 1, 1, 1, 1, 2] }, "ART-SHAPE")
    expect(
      try changed { $0.tensors["residual"]?.bytes[0] = 0x80 }, "ART-CODE")
    for name in ["residual_pairs", "residual", "residual_latents"] {
      expect(try changed { $0.tensors[name] = nil }, "ART-SHAPE")
      expect(
        try changed {
          $0.tensors[name]?.dtype =
            name == "residual_latents" ? .bf16 : name == "residual" ? .u8 : .i8
        }, "ART-SHAPE")
      expect(
        try changed {
          let tensor = $0.tensors[name]
          let unit = name == "residual_latents" ? 2 : 1
          let bytes = Array(tensor?.bytes.dropLast(unit) ?? [])
          $0.tensors[name] = .init(
            dtype: tensor?.dtype ?? .u8, shape: [bytes.count / unit], bytes: bytes)
        }, "ART-SHAPE")
    }
    expect(
      try changed {
        let count = $0.tensors["residual_latents"]?.bytes.count ?? 0
        $0.tensors["residual_latents"]?.bytes = (0..<count).map { $0 % 2 == 0 ? 0 : 0x7c }
      }, "VAL-NAN")
    // A stranger where no module has a residual.
    expect(
      try rewritten { $0.tensors["residual"] = .init(dtype: .u8, shape: [1], bytes: [0]) },
      "ART-SHAPE")
  }

  // MARK: - Tensors (§7.3)

  @Test(arguments: ["latents", "scales", "output_indices", "input_indices"])
  func missingOrMisshapenTensors(name: String) throws {
    expect(try rewritten { $0.tensors[name] = nil }, "ART-SHAPE")
    expect(
      try rewritten {
        let bytes = $0.tensors[name]?.bytes.dropLast() ?? []
        $0.tensors[name] = .init(
          dtype: name == "latents" ? .i8 : .u8, shape: [bytes.count], bytes: Array(bytes))
      }, "ART-SHAPE")
  }

  @Test func tensorsOfAnotherTypeAndStrangersAreRefused() throws {
    expect(try rewritten { $0.tensors["latents"]?.dtype = .u8 }, "ART-SHAPE")
    expect(
      try rewritten { $0.tensors["stowaway"] = .init(dtype: .u8, shape: [1], bytes: [1]) },
      "ART-SHAPE")
    expect(
      try rewritten {
        $0.tensors["model.layers.0.mlp.up_proj.output_basis"] = .init(
          dtype: .f32, shape: [1, 1], bytes: [0, 0, 0, 0])
      }, "ART-SHAPE")
    expect(
      try rewritten { $0.tensors["probes"] = .init(dtype: .f32, shape: [1], bytes: [0, 0, 0, 0]) },
      "ART-SHAPE")
  }

  @Test func ranksStandInOnePlace() throws {
    let table: [UInt8] = Array(repeating: 2, count: 14) + Array(repeating: 0, count: 14)
    func withTable(_ bytes: [UInt8], entries: (inout JSONValue) -> Void) throws -> [UInt8] {
      try rewritten { payload in
        payload.tensors["ranks"] = .init(dtype: .u8, shape: [2, bytes.count / 2], bytes: bytes)
        payload.metadata["modules"] = .array(
          (payload.metadata["modules"]?.arrayValue ?? []).map {
            var entry = $0
            entries(&entry)
            return entry
          })
      }
    }
    func withoutRank(_ entry: inout JSONValue) {
      guard var object = entry.objectValue else { return }
      object["rank"] = nil
      entry = .object(object)
    }
    let artifact = try Artifact(bytes: try withTable(table, entries: withoutRank))
    #expect(artifact == (try SyntheticArtifact.make(layers: 1, rank: 2, storage: .int8)))
    expect(try withTable(table) { _ in }, "ART-META")
    expect(try withTable(Array(table.dropLast(2)), entries: withoutRank), "ART-SHAPE")
    var empty = table
    empty[3] = 0
    expect(try withTable(empty, entries: withoutRank), "ART-SHAPE")
    var large = table
    large[14 + 3] = 0xff
    expect(try withTable(large, entries: withoutRank), "ART-SHAPE")
    expect(
      try rewritten {
        let entries = $0.metadata["modules"]?.arrayValue ?? []
        $0.metadata["modules"] = .array(
          entries.map {
            var entry = $0
            withoutRank(&entry)
            return entry
          })
      }, "ART-META")
  }

  @Test(arguments: ["output_indices", "input_indices"])
  func directionsMustAscendBelowTheirNumber(name: String) throws {
    // The second difference of the first module: 0 repeats its first direction.
    expect(
      try rewritten {
        let half = ($0.tensors[name]?.bytes.count ?? 0) / 2
        $0.tensors[name]?.bytes[1] = 0
        $0.tensors[name]?.bytes[half + 1] = 0
      }, "ART-INDEX")
    // The high byte of the first direction: far beyond 576.
    expect(
      try rewritten {
        let half = ($0.tensors[name]?.bytes.count ?? 0) / 2
        $0.tensors[name]?.bytes[half] = 0x7f
      }, "ART-INDEX")
  }

  /// Each byte, at the given place of `latents`, holds a code that the storage does not have.
  @Test(
    arguments: [
      (.int8, 0, 0x80), (.int4, 3, 0x08), (.int4, 3, 0x80), (.int3, 0, 0x04), (.int3, 0, 0xc0),
      (.int2, 0, 243), (.int2, 0, 255),
    ] as [(LatentStorage, Int, UInt8)])
  func codesOutOfRangeAreRefused(storage: LatentStorage, place: Int, byte: UInt8) throws {
    var payload = try Payload(storage: storage)
    payload.tensors["latents"]?.bytes[place] = byte
    expect(try payload.bytes(), "ART-CODE")
  }

  /// 28 numbers: three of the last byte's five places are filled.
  @Test func codesAfterTheLastAreRefused() throws {
    var payload = try Payload(storage: .int2)
    let count = try #require(payload.tensors["latents"]?.bytes.count)
    #expect(count == 6)
    // 121 stands for five zeros; 27 more for code 1 in the fourth place, 81 less for −1 in the fifth.
    for byte in [121 + 27, 121 - 81] as [UInt8] {
      payload.tensors["latents"]?.bytes[count - 1] = byte
      expect(try payload.bytes(), "ART-CODE")
    }
  }

  @Test func valuesThatAreNotFiniteAreRefused() throws {
    expect(
      try rewritten {
        $0.tensors["probes"]?.bytes.replaceSubrange(0..<2, with: [0, 0x7e])
      },
      "VAL-NAN")
  }
}
