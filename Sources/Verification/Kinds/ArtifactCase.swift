import Artifacts
import Faults
import Files
import JSON
import Tensors

/// `artifact`: what the bytes of an artifact hold (`formats/golden.md` §4.15).
enum ArtifactCase {
  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let expected = context.golden.expected
    let bytes = try InputFile(try context.path("artifact")).readAll(limit: 1 << 30)
    let artifact = try Artifact(bytes: bytes)
    var facts = 0
    if artifact.metadata.directions.rawValue != (try expected["directions"].string()) { facts += 1 }
    let storage = try expected["storage"].string()
    facts += artifact.modules.count { $0.stored.storage.rawValue != storage }
    var modules: [String] = []
    for field in try expected["modules"].array() {
      modules.append("\(try field["name"].string()) \(try Numbers.integers(field["shape"]))")
    }
    facts += Comparison.differences(
      artifact.modules.map { "\($0.moduleName) \([$0.outFeatures, $0.inFeatures])" }, modules)
    var carried: [String] = []
    for field in try expected["carried"].array() { carried.append(try field["parameter"].string()) }
    facts += Comparison.differences(artifact.carried.map(\.parameter), carried)
    let again = try Artifact(bytes: try artifact.bytes())
    return .measured([
      .exact("names and shapes", differences: facts),
      .exact("tensors", differences: try tensors(of: artifact, try context.tensors())),
      .exact("written and read again", differences: again == artifact ? 0 : 1),
    ])
  }

  /// How many tensors are missing, too many, or have another number.
  private static func tensors(
    of artifact: Artifact, _ expected: GoldenTensors
  ) throws(Fault) -> Int {
    let found = contents(of: artifact)
    var wrong = found.keys.count { !expected.contains($0) }
    for name in expected.names {
      let numbers = try expected.doubles(name)
      let isSame = found[name].map { $0.map(Double.init) == numbers } ?? false
      wrong += isSame ? 0 : 1
    }
    return wrong
  }

  /// Every tensor that a loader uses, by name, row after row.
  private static func contents(of artifact: Artifact) -> [String: [Float]] {
    var found: [String: [Float]] = [:]
    for module in artifact.modules {
      let name = module.moduleName
      found[name + ".latent"] = module.latent.elements
      if let residual = module.residual, residual.count > 0 {
        found[name + ".residual_output"] = residual.output.matrix.elements
        found[name + ".residual_input"] = residual.input.matrix.elements
      }
      found[name + ".output_basis"] = module.outputBasis?.elements
      found[name + ".input_basis"] = module.inputBasis?.elements
      guard artifact.metadata.directions == .selected else { continue }
      found[name + ".output_indices"] = module.outputIndices.map(Float.init)
      found[name + ".input_indices"] = module.inputIndices.map(Float.init)
    }
    for (index, item) in artifact.carried.enumerated() {
      found["carried.\(index)"] = item.values.matrix.elements
      if case .rows(let rows) = item.change {
        found["carried.\(index).rows"] = rows.map(Float.init)
      }
    }
    return found
  }
}
