import Artifacts
import Faults
import JSON
import Tensors
import TestSupport
import Testing

/// What an artifact may hold and ask for (`formats/loraxs.md` §7).
@Suite struct ArtifactLimitTests {
  private func refusal(
    _ artifact: Artifact, memory: Int? = nil, _ change: (inout Payload) throws -> Void = { _ in }
  ) throws -> Fault? {
    var payload = try Payload(artifact)
    try change(&payload)
    let bytes = try payload.bytes()
    return fault { () throws(Fault) in try Artifact(bytes: bytes, memory: memory) }
  }

  private func small() throws -> Artifact {
    try SyntheticArtifact.make(layers: 1, rank: 2, storage: .int8)
  }

  @Test func contentIsHeldAgainstTheBudget() throws {
    #expect(try refusal(small(), memory: 1 << 20) == nil)
    let found = try refusal(small(), memory: 1 << 10)
    #expect(found?.code == "MEM-BUDGET" && found?.exitCode == 71, "\(found?.line ?? "read")")
    #expect(found?.reason.contains("the budget is 1024") == true)
  }

  /// Two ranges of layers, each of which may stand alone.
  @Test func modulesHaveALimit() throws {
    let found = try refusal(small()) { payload in
      payload.metadata["modules"] = .array(
        ["a", "b"].map { name in
          [
            "name": .string("model.layers.*.\(name)"), "shape": [4, 4], "rank": [1, 1],
            "layers": [[0, .integer(1 << 18 - 1)]],
          ]
        })
    }
    #expect(found?.code == "ART-META" && found?.exitCode == 65, "\(found?.line ?? "read")")
    #expect(found?.reason.contains("modules[1]") == true, "\(found?.line ?? "read")")
  }

  @Test func carriedParametersHaveALimit() throws {
    let found = try refusal(small()) { payload in
      payload.metadata["carried"] = .array([JSONValue](repeating: 0, count: 1 << 20 + 1))
    }
    #expect(found?.code == "ART-META" && found?.exitCode == 65, "\(found?.line ?? "read")")
    #expect(found?.reason.hasPrefix("carried") == true, "\(found?.line ?? "read")")
  }

  /// Directions of the adapter's own are in no base.
  @Test func ownDirectionsAreEmbedded() throws {
    let artifact = try SyntheticArtifact.make(
      layers: 1, rank: 2, storage: .int8, directions: .own, embedding: true)
    #expect(try refusal(artifact) == nil)
    let module = artifact.modules[0].moduleName
    let found = try refusal(artifact) { payload in
      let name = try #require(
        payload.tensors.keys.first { $0.hasPrefix(module) && $0.contains("basis") })
      payload.tensors[name] = nil
    }
    #expect(found?.code == "ART-SHAPE" && found?.exitCode == 65, "\(found?.line ?? "read")")
    #expect(found?.tensor == module, "\(found?.line ?? "read")")
  }

  @Test func carriedNumbersAreFinite() {
    var matrix = Matrix<Float>(rows: 1, columns: 2)
    matrix.elements[1] = .nan
    let values = matrix
    let found = fault { () throws(Fault) in try CarriedValues(values, storage: .f16) }
    #expect(found?.code == "VAL-RANGE" && found?.exitCode == 65)
    #expect(found?.reason == "element 1 is nan")
  }
}
