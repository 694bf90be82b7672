import Checkpoints
import Faults
import JSON
import Tensors

/// Builds the safetensors payload.
struct ArtifactEncoder {
  private let artifact: Artifact
  private var modules: [ArtifactModule] { artifact.modules }

  init(_ artifact: Artifact) { self.artifact = artifact }

  func content() throws(Fault) -> [UInt8] {
    let items = modules.map {
      ModuleList.Item(
        name: $0.moduleName, shape: [$0.outFeatures, $0.inFeatures],
        rank: [$0.stored.rows, $0.stored.columns - $0.residualCount], residual: $0.residualCount)
    }
    let tablesRanks = ModuleList.needsRankTable(items)
    var features: [ArtifactFeature] = tablesRanks ? [.ranks] : []
    if modules.contains(where: { $0.valueCheck != nil }) || probeType == .f16 {
      features.append(.compactProofs)
    }
    if items.contains(where: { $0.residual > 0 }) { features.append(.residual) }
    if !artifact.carried.isEmpty { features.append(.carried) }
    if artifact.metadata.scratch != nil { features.append(.scratch) }
    let text = try artifact.metadata.json(
      modules: ModuleList.json(items, withRanks: !tablesRanks),
      carried: CarriedParameter.json(artifact.carried), requires: features
    ).text()
    var writer = SafeTensorsWriter(metadata: [
      (key: "format", value: ArtifactNames.format), (key: "version", value: ArtifactNames.version),
      (key: ArtifactNames.metadataKey, value: text),
    ])
    try addLatents(to: &writer)
    if tablesRanks {
      let bytes = RankTable.encode(items.map(\.rank))
      try writer.add(ArtifactNames.ranks, dtype: .u8, shape: [2, bytes.count / 2], bytes: bytes)
    }
    if artifact.metadata.directions == .selected {
      try addPlanes(ArtifactNames.outputIndices, modules.map(\.outputIndices), to: &writer)
      try addPlanes(ArtifactNames.inputIndices, modules.map(\.inputIndices), to: &writer)
    }
    try addValues(ArtifactNames.outputValues, modules.map(\.outputSingularValues), to: &writer)
    if artifact.metadata.directions == .selected {
      try addValues(ArtifactNames.inputValues, modules.map(\.inputSingularValues), to: &writer)
    }
    try addProofs(to: &writer)
    try addResidual(to: &writer)
    for module in modules {
      if let basis = module.outputBasis {
        try writer.add(module.moduleName + ArtifactNames.outputBasis, matrix: basis)
      }
      if let basis = module.inputBasis {
        try writer.add(module.moduleName + ArtifactNames.inputBasis, matrix: basis)
      }
    }
    try CarriedParameter.add(artifact.carried, to: &writer)
    return try writer.bytes()
  }

  private func addLatents(to writer: inout SafeTensorsWriter) throws(Fault) {
    let storage = artifact.metadata.storage
    for module in modules where module.stored.storage != storage {
      throw Fault(
        .internalError, "ART-WRITE", "stored as \(module.stored.storage.rawValue), not as the rest",
        tensor: module.moduleName)
    }
    let count = artifact.parameterCount
    guard storage.isQuantised else {
      try writer.add(
        ArtifactNames.latents, dtype: storage.dtype, shape: [count],
        floats: modules.flatMap(\.stored.values))
      return
    }
    let bytes = CodePacking(storage).pack(modules.flatMap(\.stored.codes))
    try writer.add(
      ArtifactNames.latents, dtype: storage.dtype, shape: [bytes.count], bytes: bytes)
    let scales = modules.flatMap(\.stored.scaleCodes)
    try writer.add(ArtifactNames.scales, dtype: .u8, shape: [scales.count], bytes: scales)
  }

  private func addResidual(to writer: inout SafeTensorsWriter) throws(Fault) {
    let residuals = modules.compactMap(\.residual)
    guard !residuals.isEmpty else { return }
    let pairs = modules.map { UInt8(truncatingIfNeeded: $0.residualCount) }
    try writer.add(ArtifactNames.residualPairs, dtype: .u8, shape: [pairs.count], bytes: pairs)
    // Strong pairs have more codes than weak ones: alike beside alike compresses best.
    let most = residuals.map(\.count).max() ?? 0
    let codes = (0..<most).flatMap { pair in
      residuals.filter { $0.count > pair }.flatMap {
        $0.output.codes(ofColumn: pair) + $0.input.codes(ofColumn: pair)
      }
    }
    let bytes = codes.map { UInt8(bitPattern: $0) }
    try writer.add(ArtifactNames.residual, dtype: .i8, shape: [bytes.count], bytes: bytes)
    let rows = residuals.flatMap(\.rows)
    try writer.add(ArtifactNames.residualLatents, dtype: .f16, shape: [rows.count], floats: rows)
  }

  private func addPlanes(
    _ name: String, _ runs: [[Int]], to writer: inout SafeTensorsWriter
  ) throws(Fault) {
    let bytes = BytePlanes.encode(runs)
    try writer.add(name, dtype: .u8, shape: [2, bytes.count / 2], bytes: bytes)
  }

  private func addValues(
    _ name: String, _ runs: [[Float]], to writer: inout SafeTensorsWriter
  ) throws(Fault) {
    if runs.allSatisfy(\.isEmpty) { return }
    let codes = runs.map { $0.map { Int(SingularValueGrid.code($0)) } }
    try addPlanes(name, codes, to: &writer)
  }

  private func addProofs(to writer: inout SafeTensorsWriter) throws(Fault) {
    let checks = modules.compactMap(\.valueCheck)
    if !checks.isEmpty {
      guard checks.count == modules.count else {
        throw Fault(
          .internalError, "ART-WRITE", "\(checks.count) of \(modules.count) modules have a check")
      }
      try writer.add(ArtifactNames.valueChecks, dtype: .u8, shape: [checks.count], bytes: checks)
    }
    let probes = modules.first?.probes.count ?? 0
    let prefix = modules.first?.digestPrefix.count ?? 0
    for module in modules
    where module.probes.count != probes || module.digestPrefix.count != prefix {
      throw Fault(
        .internalError, "ART-WRITE", "has another number of probes or digest bytes than the rest",
        tensor: module.moduleName)
    }
    if probes > 0 {
      try writer.add(
        ArtifactNames.probes, dtype: probeType, shape: [modules.count, probes],
        floats: modules.flatMap(\.probes))
    }
    if prefix > 0 {
      try writer.add(
        ArtifactNames.digests, dtype: .u8, shape: [modules.count, prefix],
        bytes: modules.flatMap(\.digestPrefix))
    }
  }

  /// F16 where that holds every probe as it is.
  private var probeType: DType {
    let probes = modules.flatMap(\.probes)
    let areHalves = probes.allSatisfy {
      $0.isFinite && HalfPrecision.float(half: HalfPrecision.half($0)) == $0
    }
    return areHalves && !probes.isEmpty ? .f16 : .f32
  }
}
