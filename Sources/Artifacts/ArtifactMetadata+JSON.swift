import Faults
import Files
import JSON

/// The metadata as JSON and back (`formats/loraxs.schema.json`).
extension ArtifactMetadata {
  static let schema = "xspress.artifact/1"
  /// A million layers of a module are a few bytes of text; nothing needs a hundredth of this.
  static let limits = JSONLimits(byteCount: 64 << 20, memoryByteCount: 128 << 20)
  static let schemaPrefix = "xspress.artifact/"
  /// Members that the codec writes itself; a record must not name them.
  static let ownKeys: Set<String> = [
    "schema", "requires", "createdBy", "placement", "storage", "directions", "omegaSeed", "base",
    "adapter", "scratch", "accuracy", "modules", "carried",
  ]

  func json(
    modules: JSONValue, carried: JSONValue, requires features: [ArtifactFeature]
  ) throws(Fault) -> JSONValue {
    var root = JSONObject()
    root["schema"] = .string(ArtifactMetadata.schema)
    if !features.isEmpty { root["requires"] = .array(features.map { .string($0.rawValue) }) }
    root["createdBy"] = .string(createdBy)
    root["placement"] = "orthonormal"
    root["storage"] = .string(storage.rawValue)
    root["directions"] = .string(directions.rawValue)
    if let omegaSeed {
      root["omegaSeed"] = Int64(exactly: omegaSeed).map { .integer($0) } ?? .unsigned(omegaSeed)
    }
    var base = JSONObject()
    base["architecture"] = .string(self.base.architecture)
    if let name = self.base.name { base["name"] = .string(name) }
    base["rootDigest"] = .string(self.base.rootDigest.hex)
    if let digest = self.base.tokenizerDigest { base["tokenizerDigest"] = .string(digest.hex) }
    if let digest = self.base.packDigest { base["packDigest"] = .string(digest.hex) }
    root["base"] = .object(base)
    switch origin {
    case .adapter(let source): root["adapter"] = source.json
    case .scratch(let scratch): root["scratch"] = scratch.json
    }
    for member in record.members {
      guard !ArtifactMetadata.ownKeys.contains(member.key) else {
        throw Fault(.internalError, "ART-META", "record names the reserved member \(member.key)")
      }
      root[member.key] = member.value
    }
    root["accuracy"] = accuracy
    root["modules"] = modules
    if carried.arrayValue?.isEmpty == false { root["carried"] = carried }
    return .object(root)
  }

  /// - Throws: 69 `ART-VERSION` for another version or an unknown required feature; 65 `ART-META`
  ///   naming the field.
  init(_ root: JSONField) throws(Fault) {
    let schema = try root["schema"].string()
    guard schema == ArtifactMetadata.schema else {
      let isNewer = schema.hasPrefix(ArtifactMetadata.schemaPrefix)
      throw Fault(
        isNewer ? .unsupported : .badData, isNewer ? "ART-VERSION" : "ART-META",
        isNewer
          ? "made by a newer version: \(Fault.escaped(schema, limit: 64)), "
            + "this one reads \(ArtifactMetadata.schema)"
          : "schema is \(Fault.escaped(schema, limit: 64))")
    }
    _ = try ArtifactMetadata.features(root)
    createdBy = try root["createdBy"].string()
    let placement = try root["placement"].string()
    guard placement == "orthonormal" else {
      throw root["placement"].fault(
        "\(Fault.escaped(placement, limit: 32)) is not supported", .unsupported)
    }
    storage = try ArtifactMetadata.word(root["storage"])
    directions = try ArtifactMetadata.word(root["directions"])
    omegaSeed = try ArtifactMetadata.seed(root["omegaSeed"])
    if directions == .top || directions == .random, omegaSeed == nil {
      throw root["omegaSeed"].fault("missing for \(directions.rawValue) directions")
    }
    let base = root["base"]
    self.base = Base(
      architecture: try base["architecture"].string(), name: base["name"].value?.stringValue,
      rootDigest: try ArtifactMetadata.digest(base["rootDigest"]),
      tokenizerDigest: try ArtifactMetadata.optionalDigest(base["tokenizerDigest"]),
      packDigest: try ArtifactMetadata.optionalDigest(base["packDigest"]))
    if root["scratch"].isPresent {
      guard !root["adapter"].isPresent else { throw root["scratch"].fault("stands beside adapter") }
      origin = .scratch(try Scratch(root["scratch"]))
    } else {
      origin = .adapter(try Source(root["adapter"]))
    }
    guard let accuracy = root["accuracy"].value else {
      throw root["accuracy"].fault("missing, expected null or a block")
    }
    self.accuracy = accuracy
    var record = JSONObject()
    for member in try root.object().members where !ArtifactMetadata.ownKeys.contains(member.key) {
      record[member.key] = member.value
    }
    self.record = record
  }

  /// What the file says a reader must know.
  ///
  /// - Throws: 69 `ART-VERSION` for what this one does not.
  static func features(_ root: JSONField) throws(Fault) -> [ArtifactFeature] {
    guard root["requires"].isPresent else { return [] }
    return try root["requires"].array().map { (field) throws(Fault) in
      let name = try field.string()
      guard let feature = ArtifactFeature(rawValue: name) else {
        throw Fault(
          .unsupported, "ART-VERSION",
          "made by a newer version: requires \(Fault.escaped(name, limit: 64))")
      }
      return feature
    }
  }

  private static func word<Word: RawRepresentable<String>>(
    _ field: JSONField
  ) throws(Fault) -> Word {
    let text = try field.string()
    guard let word = Word(rawValue: text) else {
      throw field.fault("\(Fault.escaped(text, limit: 32)) is not supported", .unsupported)
    }
    return word
  }

  private static func seed(_ field: JSONField) throws(Fault) -> UInt64? {
    switch field.value {
    case nil, .null: return nil
    case .integer(let value) where value >= 0: return UInt64(value)
    case .unsigned(let value): return value
    default: throw field.fault("expected a whole number in 0..<2^64")
    }
  }

  fileprivate static func digest(_ field: JSONField) throws(Fault) -> SHA256Digest {
    guard let digest = SHA256Digest(hex: try field.string()) else {
      throw field.fault("expected 64 hexadecimal digits")
    }
    return digest
  }

  private static func optionalDigest(_ field: JSONField) throws(Fault) -> SHA256Digest? {
    field.isPresent ? try digest(field) : nil
  }
}

extension ArtifactMetadata.Source {
  fileprivate var json: JSONValue {
    var members = JSONObject([
      ("name", .string(name)), ("format", .string(format)), ("sha256", .string(digest.hex)),
      ("bytes", .integer(byteCount)), ("parameterCount", .integer(parameterCount)),
      ("rank", .integer(rank)),
    ])
    if let baseModelName { members["baseModelName"] = .string(baseModelName) }
    if let taskType { members["taskType"] = .string(taskType) }
    return .object(members)
  }

  fileprivate init(_ field: JSONField) throws(Fault) {
    self.init(
      name: try field["name"].string(), format: try field["format"].string(),
      digest: try ArtifactMetadata.digest(field["sha256"]),
      byteCount: try field["bytes"].int(in: 0...Int.max),
      parameterCount: try field["parameterCount"].int(in: 0...Int.max),
      rank: try field["rank"].int(in: 0...Int.max),
      baseModelName: field["baseModelName"].value?.stringValue,
      taskType: field["taskType"].isPresent ? try field["taskType"].string() : nil)
  }
}

extension ArtifactMetadata.Scratch {
  fileprivate var json: JSONValue {
    .object(["name": .string(name), "modules": .array(modules.map { .string($0) })])
  }

  fileprivate init(_ field: JSONField) throws(Fault) {
    self.init(
      name: try field["name"].string(),
      modules: try field["modules"].array().map { (word) throws(Fault) in try word.string() })
  }
}
