import Artifacts
import Checkpoints
import Compression
import Faults
import Files
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

@Suite struct ArtifactTests {
  @Test(arguments: LatentStorage.allCases, [ArtifactMetadata.Directions.selected, .top, .random])
  func readsBack(storage: LatentStorage, directions: ArtifactMetadata.Directions) throws {
    let artifact = try SyntheticArtifact.make(
      layers: 2, rank: 5, storage: storage, directions: directions)
    let bytes = try artifact.bytes()
    let back = try Artifact(bytes: bytes)
    #expect(back == artifact)
    #expect(try back.bytes() == bytes)
    let kinds = back.modules.prefix(7).map { $0.moduleName.split(separator: ".").last ?? "" }
    #expect(
      kinds == ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])
  }

  /// Without an adapter nothing of one is written, and earlier readers are told.
  @Test func aStartFromNothingReadsBack() throws {
    var artifact = try SyntheticArtifact.make(layers: 1, rank: 2, storage: .int8)
    artifact.metadata.origin = .scratch(.init(name: "mine", modules: ["q_proj", ".*mlp.*"]))
    let bytes = try artifact.bytes()
    let back = try Artifact(bytes: bytes)
    #expect(back == artifact && back.metadata.adapter == nil && back.metadata.name == "mine")
    let content = String(
      decoding: try Zstd.decompress(bytes, limit: 1 << 24), as: UTF8.self)
    #expect(content.contains(#"\"requires\":[\"compact-proofs\",\"scratch\"]"#))
    #expect(!content.contains(#"\"adapter\""#))
  }

  @Test func embeddedBasesReadBack() throws {
    let artifact = try SyntheticArtifact.make(layers: 1, rank: 3, storage: .int8, embedding: true)
    let back = try Artifact(bytes: try artifact.bytes())
    #expect(back.modules[4].outputBasis == artifact.modules[4].outputBasis)
    #expect(back.modules[6].inputBasis?.rows == 1536)
    #expect(back == artifact)
  }

  @Test(arguments: LatentStorage.allCases, [ArtifactMetadata.Directions.selected, .top])
  func residualsReadBack(storage: LatentStorage, directions: ArtifactMetadata.Directions) throws {
    var artifact = try SyntheticArtifact.make(
      layers: 1, rank: 3, storage: storage, directions: directions, residual: 2)
    // Modules need not agree in their number, and one may have none.
    artifact.modules[2] = try SyntheticArtifact.make(
      layers: 1, rank: 3, storage: storage, directions: directions
    ).modules[2]
    let bytes = try artifact.bytes()
    let back = try Artifact(bytes: bytes)
    #expect(back == artifact)
    #expect(try back.bytes() == bytes)
    #expect(back.modules[2].residual == nil && back.modules[2].latent.rows == 3)
    #expect(back.modules[0].latent.rows == 5 && back.modules[0].latent.columns == 5)
    let residual = try #require(back.modules[6].residual)
    #expect(residual.output.features == 576 && residual.input.features == 1536)
    #expect(back.modules[6].latent.elements.suffix(10) == residual.rows[...])
    let content = try Zstd.decompress(bytes, limit: 1 << 24)
    #expect(String(decoding: content, as: UTF8.self).contains(#"\"residual\""#))
  }

  @Test func aResidualMayStandAlone() throws {
    var artifact = try SyntheticArtifact.make(layers: 1, rank: 1, storage: .int8, residual: 1)
    for index in artifact.modules.indices {
      let module = artifact.modules[index]
      let own = try #require(module.residual)
      artifact.modules[index] = ArtifactModule(
        moduleName: module.moduleName, outFeatures: module.outFeatures,
        inFeatures: module.inFeatures,
        stored: try StoredLatent(Matrix(rows: 0, columns: 1), storage: .int8),
        residual: try StoredResidual(
          output: own.output, input: own.input,
          rows: Matrix(rows: 1, columns: 1, elements: [0.5])), digestPrefix: module.digestPrefix)
    }
    let back = try Artifact(bytes: try artifact.bytes())
    #expect(back == artifact)
    #expect(back.modules[0].latent == Matrix(rows: 1, columns: 1, elements: [0.5]))
  }

  @Test func modulesOfDifferentRanksAndNamesReadBack() throws {
    var modules: [ArtifactModule] = []
    let sizes = [
      ("blocks.10.up_proj", 1, 3), ("blocks.2.up_proj", 4, 2), ("head", 3, 3),
      ("blocks.2.other*", 2, 5), ("blocks.07.up_proj", 5, 1), ("é", 1, 1),
    ]
    for (name, rows, columns) in sizes {
      let numbers = (0..<rows * columns).map { Float($0) - 2 }
      modules.append(
        ArtifactModule(
          moduleName: name, outFeatures: 6, inFeatures: 9,
          stored: try StoredLatent(
            Matrix(rows: rows, columns: columns, elements: numbers), storage: .int4),
          outputIndices: Array(0..<rows), inputIndices: Array(0..<columns)))
    }
    var metadata = SyntheticArtifact.metadata(storage: .int4)
    metadata.base.packDigest = SHA256Digest.of([UInt8(1)])
    metadata.base.tokenizerDigest = SHA256Digest.of([UInt8(2)])
    metadata.omegaSeed = .max
    metadata.accuracy = ["variants": [["accuracy": 0.5, "nll": 1.25]]]
    let artifact = try Artifact(modules: modules, metadata: metadata)
    #expect(
      artifact.modules.map(\.moduleName) == [
        "head", "é", "blocks.2.up_proj", "blocks.2.other*", "blocks.07.up_proj",
        "blocks.10.up_proj",
      ])
    let back = try Artifact(bytes: try artifact.bytes())
    #expect(back == artifact)
    #expect(back.metadata.accuracy["variants"]?.arrayValue?.first?["nll"] == 1.25)
  }

  @Test func filesAreAtomicAndDigested() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "a.loraxs")
      let artifact = try SyntheticArtifact.make(layers: 1, rank: 2, storage: .f16)
      let written = try artifact.write(path)
      #expect(written.digest == SHA256Digest.of(try artifact.bytes()))
      #expect(try Artifact.read(path) == artifact)
      #expect(try Paths.entries(of: folder) == ["a.loraxs"])
    }
  }

  @Test func baseIsChecked() throws {
    var artifact = try SyntheticArtifact.make(layers: 1, rank: 2, storage: .f16)
    var digests: [String: SHA256Digest] = [:]
    for index in artifact.modules.indices {
      let digest = SHA256Digest.of(Array(artifact.modules[index].moduleName.utf8))
      artifact.modules[index].digestPrefix = Array(digest.bytes.prefix(4))
      digests[artifact.modules[index].moduleName] = digest
    }
    artifact.metadata.base.rootDigest = Artifact.rootDigest(
      artifact.modules.compactMap { digests[$0.moduleName] })
    let (right, checked) = (digests, artifact)
    #expect(fault { () throws(Fault) in try checked.checkBase { right[$0] } } == nil)
    digests[artifact.modules[3].moduleName] = SHA256Digest.of([UInt8(0)])
    let wrong = digests
    let found = fault { () throws(Fault) in try checked.checkBase { wrong[$0] } }
    #expect(found?.code == "ART-BASE")
    #expect(found?.tensor == artifact.modules[3].moduleName)
    let missing = fault { () throws(Fault) in try checked.checkBase { _ in nil } }
    #expect(missing?.code == "ART-BASE")
    artifact.metadata.base.rootDigest = SHA256Digest.of([UInt8(3)])
    let relabelled = artifact
    #expect(
      fault { () throws(Fault) in try relabelled.checkBase { right[$0] } }?.code == "ART-BASE")
  }

  @Test(arguments: [([1.5], DType.f16), ([0.1], .f32), ([1e6], .f32)] as [([Float], DType)])
  func probesTakeHalvesWhereTheyHoldThem(probes: [Float], type: DType) throws {
    var artifact = try SyntheticArtifact.make(layers: 1, rank: 2, storage: .int8)
    for index in artifact.modules.indices { artifact.modules[index].probes = probes }
    let bytes = try artifact.bytes()
    #expect(try Artifact(bytes: bytes) == artifact)
    let file = try SafeTensorsFile(bytes: try Zstd.decompress(bytes, limit: 1 << 20))
    #expect(file["probes"]?.dtypeName == type.rawValue)
  }

  @Test func checksTellNeighbouringDirectionsApart() {
    let values = (0..<64).map { 12 * pow(0.996, Double($0)) }
    let code = SingularValueCheck.code(output: Array(values[10..<20]), input: Array(values[5..<8]))
    // Another computation of the same values, the next direction, all of them moved.
    let again = values[10..<20].map { $0 * (1 + 1e-9) }
    #expect(
      SingularValueCheck.agree(
        code, SingularValueCheck.code(output: again, input: Array(values[5..<8]))))
    #expect(
      !SingularValueCheck.agree(
        code,
        SingularValueCheck.code(
          output: Array(values[10..<19]) + [values[20]], input: Array(values[5..<8]))
      ))
    #expect(
      !SingularValueCheck.agree(
        code, SingularValueCheck.code(output: Array(values[11..<21]), input: Array(values[5..<8]))))
    #expect(SingularValueCheck.agree(255, 0) && SingularValueCheck.agree(0, 255))
    #expect(SingularValueCheck.code(output: [0, -1, .nan, .infinity], input: []) == 0)
  }

  /// A change after which the parts no longer agree.
  struct Contradiction: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let change: @Sendable (inout Artifact) throws -> Void
    init(_ name: String, _ change: @escaping @Sendable (inout Artifact) throws -> Void) {
      (testDescription, self.change) = (name, change)
    }
  }

  static let contradictions: [Contradiction] = [
    Contradiction("indices out of order") { $0.modules[0].outputIndices = [2, 1, 3] },
    Contradiction("index too large") { $0.modules[0].inputIndices = [0, 1, 576] },
    Contradiction("wrong number of indices") { $0.modules[0].inputIndices = [0, 1] },
    Contradiction("other storage") {
      $0.modules[0].stored = try StoredLatent(Matrix(rows: 3, columns: 3), storage: .f32)
    },
    Contradiction("fewer probes") { $0.modules[0].probes = [] },
    Contradiction("fewer checks") { $0.modules[0].valueCheck = nil },
    Contradiction("reserved record") { $0.metadata.record["base"] = 1 },
    Contradiction("same name twice") { $0.modules[1].moduleName = $0.modules[0].moduleName },
    Contradiction("wrong basis") { $0.modules[0].outputBasis = Matrix(rows: 2, columns: 3) },
    Contradiction("no modules") { $0.modules = [] },
    Contradiction("infinite probe") { $0.modules[0].probes = [.infinity] },
    Contradiction("no seed") { $0.metadata.directions = .top },
  ]

  @Test(arguments: contradictions) func isNotWritten(_ contradiction: Contradiction) throws {
    var artifact = try SyntheticArtifact.make(layers: 1, rank: 3, storage: .int8)
    try contradiction.change(&artifact)
    let bad = artifact
    #expect(fault { () throws(Fault) in try bad.bytes() } != nil)
  }
}
