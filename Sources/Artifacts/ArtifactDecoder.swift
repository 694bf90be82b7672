import Checkpoints
import Faults
import JSON
import Tensors

/// Takes the safetensors payload apart; every tensor and every size is checked against the module
/// list (`formats/loraxs.md` §4, §7).
struct ArtifactDecoder {
  private let file: SafeTensorsFile
  private let metadata: ArtifactMetadata
  private let items: [ModuleList.Item]
  private let hasResidual: Bool
  private let carried: (parameters: [CarriedParameter], names: Set<UTF8Key>)

  init(_ file: SafeTensorsFile) throws(Fault) {
    self.file = file
    guard file.metadata["format"]?.stringValue == ArtifactNames.format,
      let text = file.metadata[ArtifactNames.metadataKey]?.stringValue
    else {
      throw Fault(.badData, "ART-META", "payload is not marked as loraxs")
    }
    let version = file.metadata["version"]?.stringValue ?? ""
    guard version == ArtifactNames.version else {
      throw Fault(
        .unsupported, "ART-VERSION",
        "made by a newer version: format \(Fault.escaped(version, limit: 32))")
    }
    let value: JSONValue
    do throws(Fault) {
      value = try JSONValue.parse(text, limits: ArtifactMetadata.limits)
    } catch {
      guard error.kind == .badData else { throw error }
      throw Fault(.badData, "ART-META", error.reason, tensor: error.tensor)
    }
    let root = JSONField(value, code: "ART-META")
    metadata = try ArtifactMetadata(root)
    var tables = ModuleList.Tables()
    if file[ArtifactNames.ranks] != nil {
      tables.ranks = { (count) throws(Fault) in
        RankTable.decode(
          try file.bytes(
            of: try ArtifactDecoder.tensor(file, ArtifactNames.ranks, [.u8], [2, 2 * count])),
          count: count)
      }
    }
    let features = try ArtifactMetadata.features(root)
    hasResidual = features.contains(.residual)
    if hasResidual {
      tables.residualPairs = { (count) throws(Fault) in
        try file.bytes(
          of: try ArtifactDecoder.tensor(file, ArtifactNames.residualPairs, [.u8], [count])
        ).map { Int($0) }
      }
    }
    items = try ModuleList.items(root["modules"], tables)
    carried = try CarriedParameter.read(root["carried"], file)
    guard carried.parameters.isEmpty || features.contains(.carried) else {
      throw root["requires"].fault("does not name the carried parameters")
    }
    guard !items.isEmpty else { throw root["modules"].fault("no modules") }
    // Only chosen and random directions can differ in number on the two sides.
    for item in items
    where ![.selected, .random].contains(metadata.directions) && item.rank[0] != item.rank[1] {
      throw Fault(
        .badData, "ART-SHAPE", "rank \(item.rank) with directions \(metadata.directions.rawValue)",
        tensor: item.name)
    }
  }

  func artifact() throws(Fault) -> Artifact {
    let latents = try latents()
    let isSelected = metadata.directions == .selected
    let outputIndices = isSelected ? try indices(ArtifactNames.outputIndices, side: 0) : nil
    let inputIndices = isSelected ? try indices(ArtifactNames.inputIndices, side: 1) : nil
    let outputValues = try values(ArtifactNames.outputValues, side: 0)
    let inputValues = isSelected ? try values(ArtifactNames.inputValues, side: 1) : outputValues
    let checks = try checks()
    let residuals = try residuals()
    let probes = try probes()
    let digests = try digests()
    var modules: [ArtifactModule] = []
    for (place, item) in items.enumerated() {
      modules.append(
        ArtifactModule(
          moduleName: item.name, outFeatures: item.shape[0], inFeatures: item.shape[1],
          stored: latents[place], residual: residuals[place],
          outputIndices: outputIndices?[place] ?? [],
          inputIndices: inputIndices?[place] ?? [],
          outputSingularValues: outputValues?[place] ?? [],
          inputSingularValues: inputValues?[place] ?? [], valueCheck: checks?[place],
          probes: probes?[place] ?? [], digestPrefix: digests?[place] ?? [],
          outputBasis: try basis(item, ArtifactNames.outputBasis, side: 0),
          inputBasis: try basis(item, ArtifactNames.inputBasis, side: 1)))
    }
    if metadata.directions == .own,
      let bare = modules.first(where: { $0.outputBasis == nil || $0.inputBasis == nil })
    {
      throw Fault(
        .badData, "ART-SHAPE", "own directions that are not embedded", tensor: bare.moduleName)
    }
    try checkNothingElse()
    return try Artifact(modules: modules, metadata: metadata, carried: carried.parameters)
  }

  // MARK: - Latents

  private func latents() throws(Fault) -> [StoredLatent] {
    let storage = metadata.storage
    let count = items.reduce(0) { $0 + $1.rank[0] * $1.latentColumns }
    let stored = storage.isQuantised ? CodePacking(storage).byteCount(of: count) : count
    let tensor = try tensor(ArtifactNames.latents, storage.dtype, [stored])
    var place = 0
    func next<Number>(_ all: [Number], _ item: ModuleList.Item) -> [Number] {
      let size = item.rank[0] * item.latentColumns
      defer { place += size }
      return Array(all[place..<place + size])
    }
    guard storage.isQuantised else {
      let values = try file.floats(of: tensor)
      return items.map {
        StoredLatent(
          storage: storage, rows: $0.rank[0], columns: $0.latentColumns, values: next(values, $0))
      }
    }
    let codes = try CodePacking(storage).unpack(try file.bytes(of: tensor), count: count)
    let columns = items.reduce(0) { $0 + $1.latentColumns }
    let scales = try file.bytes(of: try self.tensor(ArtifactNames.scales, .u8, [columns]))
    var column = 0
    return items.map { item in
      defer { column += item.latentColumns }
      return StoredLatent(
        storage: storage, rows: item.rank[0], columns: item.latentColumns,
        codes: next(codes, item),
        scaleCodes: Array(scales[column..<column + item.latentColumns]))
    }
  }

  // MARK: - Residual

  /// Codes of P, then Q, of each module that has them, and its rows of M (§5.4).
  private func residuals() throws(Fault) -> [StoredResidual?] {
    guard hasResidual else { return items.map { _ in nil } }
    let count = items.reduce(0) { $0 + $1.residual * ($1.shape[0] + $1.shape[1]) }
    let codes = try file.bytes(of: try tensor(ArtifactNames.residual, .i8, [count])).map {
      Int8(bitPattern: $0)
    }
    if let place = codes.firstIndex(of: .min) {
      throw Fault(
        .badData, "ART-CODE", "code \(place) is not in -127...127", tensor: ArtifactNames.residual)
    }
    let rows = try file.floats(
      of: try tensor(
        ArtifactNames.residualLatents, .f16,
        [items.reduce(0) { $0 + $1.residual * $1.latentColumns }]))
    // By module, output then input columns; in the file, pair after pair.
    var sides = items.map { _ in [[Int8](), [Int8]()] }
    var code = 0
    for pair in 0..<(items.map(\.residual).max() ?? 0) {
      for (place, item) in items.enumerated() where item.residual > pair {
        for side in 0..<2 {
          sides[place][side] += codes[code..<code + item.shape[side]]
          code += item.shape[side]
        }
      }
    }
    var row = 0
    return zip(items, sides).map { item, sides in
      guard item.residual > 0 else { return nil }
      let size = item.residual * item.latentColumns
      defer { row += size }
      return StoredResidual(
        output: CodedColumns(features: item.shape[0], count: item.residual, codes: sides[0]),
        input: CodedColumns(features: item.shape[1], count: item.residual, codes: sides[1]),
        stored: Array(rows[row..<row + size]))
    }
  }

  // MARK: - Directions and proofs

  /// Ascending and below the number of singular directions (§4.3).
  private func indices(_ name: String, side: Int) throws(Fault) -> [[Int]] {
    let counts = items.map { $0.rank[side] }
    let tensor = try tensor(name, .u8, [2, counts.reduce(0, +)])
    let runs = BytePlanes.decode(try file.bytes(of: tensor), counts: counts)
    var result: [[Int]] = []
    for (item, run) in zip(items, runs) {
      let limit = min(item.shape[0], item.shape[1])
      var previous = -1
      for index in run.map({ Int($0) }) {
        guard index > previous, index < limit else {
          throw Fault(
            .badData, "ART-INDEX",
            "direction \(index) after \(previous), expected ascending below \(limit)",
            tensor: item.name)
        }
        previous = index
      }
      result.append(run.map { Int($0) })
    }
    return result
  }

  private func values(_ name: String, side: Int) throws(Fault) -> [[Float]]? {
    guard file[name] != nil else { return nil }
    let counts = items.map { $0.rank[side] }
    let tensor = try tensor(name, .u8, [2, counts.reduce(0, +)])
    return BytePlanes.decode(try file.bytes(of: tensor), counts: counts).map {
      $0.map { SingularValueGrid.value(Int16(bitPattern: $0)) }
    }
  }

  private func checks() throws(Fault) -> [UInt8]? {
    guard file[ArtifactNames.valueChecks] != nil else { return nil }
    return try file.bytes(of: try tensor(ArtifactNames.valueChecks, .u8, [items.count]))
  }

  private func probes() throws(Fault) -> [[Float]]? {
    guard let found = file[ArtifactNames.probes] else { return nil }
    let width = try width(found)
    let values = try file.floats(
      of: try ArtifactDecoder.tensor(
        file, ArtifactNames.probes, [.f32, .f16], [items.count, width]))
    return items.indices.map { Array(values[$0 * width..<($0 + 1) * width]) }
  }

  private func digests() throws(Fault) -> [[UInt8]]? {
    guard let found = file[ArtifactNames.digests] else { return nil }
    let width = try width(found)
    let bytes = try file.bytes(of: try tensor(ArtifactNames.digests, .u8, [items.count, width]))
    return items.indices.map { Array(bytes[$0 * width..<($0 + 1) * width]) }
  }

  private func basis(
    _ item: ModuleList.Item, _ suffix: String, side: Int
  ) throws(Fault) -> Matrix<Float>? {
    guard file[item.name + suffix] != nil else { return nil }
    return try file.matrix(
      of: try tensor(item.name + suffix, .f32, [item.shape[side], item.rank[side]]))
  }

  // MARK: - Checks

  private func width(_ tensor: TensorInfo) throws(Fault) -> Int {
    guard tensor.shape.count == 2, (1...32).contains(tensor.shape[1]) else {
      throw Fault(
        .badData, "ART-SHAPE", "shape \(tensor.shape), expected [modules, 1...32]",
        tensor: tensor.name)
    }
    return tensor.shape[1]
  }

  private func tensor(_ name: String, _ dtype: DType, _ shape: [Int]) throws(Fault) -> TensorInfo {
    try ArtifactDecoder.tensor(file, name, [dtype], shape)
  }

  private static func tensor(
    _ file: SafeTensorsFile, _ name: String, _ dtypes: [DType], _ shape: [Int]
  ) throws(Fault) -> TensorInfo {
    guard let tensor = file[name] else {
      throw Fault(.badData, "ART-SHAPE", "tensor is missing", tensor: name)
    }
    guard dtypes.contains(where: { $0.rawValue == tensor.dtypeName }), tensor.shape == shape else {
      let types = dtypes.map(\.rawValue).joined(separator: " or ")
      throw Fault(
        .badData, "ART-SHAPE",
        "is \(tensor.dtypeName) \(tensor.shape), the module list needs \(types) \(shape)",
        tensor: name)
    }
    return tensor
  }

  /// Every tensor belongs to the format: nothing rides along.
  private func checkNothingElse() throws(Fault) {
    var known = carried.names
    known.insert(UTF8Key(ArtifactNames.latents))
    if metadata.storage.isQuantised { known.insert(UTF8Key(ArtifactNames.scales)) }
    if hasResidual {
      known.insert(UTF8Key(ArtifactNames.residualPairs))
      known.insert(UTF8Key(ArtifactNames.residual))
      known.insert(UTF8Key(ArtifactNames.residualLatents))
    }
    for name in [
      ArtifactNames.ranks, ArtifactNames.outputValues, ArtifactNames.valueChecks,
      ArtifactNames.probes, ArtifactNames.digests,
    ] {
      known.insert(UTF8Key(name))
    }
    if metadata.directions == .selected {
      for name in [
        ArtifactNames.outputIndices, ArtifactNames.inputIndices, ArtifactNames.inputValues,
      ] {
        known.insert(UTF8Key(name))
      }
    }
    for item in items {
      known.insert(UTF8Key(item.name + ArtifactNames.outputBasis))
      known.insert(UTF8Key(item.name + ArtifactNames.inputBasis))
    }
    for tensor in file.tensors where !known.contains(UTF8Key(tensor.name)) {
      throw Fault(
        .badData, "ART-SHAPE", "tensor does not belong to the format", tensor: tensor.name)
    }
  }
}
