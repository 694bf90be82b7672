import Checkpoints
import Faults
import JSON
import Tensors

/// Tensor names and metadata keys of the payload (`formats/loraxs.md` §4).
enum ArtifactNames {
  static let format = "loraxs"
  static let version = "1"
  static let metadataKey = "xspress"
  static let latents = "latents"
  static let scales = "scales"
  static let outputIndices = "output_indices"
  static let inputIndices = "input_indices"
  static let outputValues = "output_values"
  static let inputValues = "input_values"
  static let probes = "probes"
  static let digests = "module_digests"
  static let outputBasis = ".output_basis"
  static let inputBasis = ".input_basis"
}

/// Builds the safetensors payload.
struct ArtifactEncoder {
  private let artifact: Artifact
  private var modules: [ArtifactModule] { artifact.modules }

  init(_ artifact: Artifact) { self.artifact = artifact }

  func content() throws(Fault) -> [UInt8] {
    let items = modules.map {
      ModuleList.Item(
        name: $0.moduleName, shape: [$0.outFeatures, $0.inFeatures],
        rank: [$0.stored.rows, $0.stored.columns])
    }
    let text = try artifact.metadata.json(
      modules: ModuleList.json(items), carried: CarriedParameter.json(artifact.carried)
    ).text()
    var writer = SafeTensorsWriter(metadata: [
      (key: "format", value: ArtifactNames.format), (key: "version", value: ArtifactNames.version),
      (key: ArtifactNames.metadataKey, value: text),
    ])
    try addLatents(to: &writer)
    if artifact.metadata.directions == .selected {
      try addPlanes(ArtifactNames.outputIndices, modules.map(\.outputIndices), to: &writer)
      try addPlanes(ArtifactNames.inputIndices, modules.map(\.inputIndices), to: &writer)
    }
    try addValues(ArtifactNames.outputValues, modules.map(\.outputSingularValues), to: &writer)
    if artifact.metadata.directions == .selected {
      try addValues(ArtifactNames.inputValues, modules.map(\.inputSingularValues), to: &writer)
    }
    try addProofs(to: &writer)
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
    let codes = modules.flatMap(\.stored.codes)
    let bytes = storage == .int4 ? Nibbles.pack(codes) : codes.map { UInt8(bitPattern: $0) }
    try writer.add(
      ArtifactNames.latents, dtype: storage.dtype, shape: [bytes.count], bytes: bytes)
    let scales = modules.flatMap(\.stored.scaleCodes)
    try writer.add(ArtifactNames.scales, dtype: .u8, shape: [scales.count], bytes: scales)
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
        ArtifactNames.probes, shape: [modules.count, probes], floats: modules.flatMap(\.probes))
    }
    if prefix > 0 {
      try writer.add(
        ArtifactNames.digests, dtype: .u8, shape: [modules.count, prefix],
        bytes: modules.flatMap(\.digestPrefix))
    }
  }
}

/// Two codes in a byte, the first in the low half (`formats/loraxs.md` §5.2).
enum Nibbles {
  static func pack(_ codes: [Int8]) -> [UInt8] {
    stride(from: 0, to: codes.count, by: 2).map { index in
      let low = UInt8(bitPattern: codes[index]) & 15
      let high = index + 1 < codes.count ? UInt8(bitPattern: codes[index + 1]) << 4 : 0
      return low | high
    }
  }

  static func unpack(_ bytes: [UInt8], count: Int) -> [Int8] {
    (0..<count).map { index in
      let nibble = index % 2 == 0 ? bytes[index / 2] << 4 : bytes[index / 2] & 0xf0
      // The arithmetic shift carries the sign.
      return Int8(bitPattern: nibble) >> 4
    }
  }
}
