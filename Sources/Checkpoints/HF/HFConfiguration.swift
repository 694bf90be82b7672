internal import Faults
internal import Files
internal import JSON

/// `config.json` of a Hugging Face model (`formats/hf.md` §3).
struct HFConfiguration: Sendable {
  /// The path of the file.
  let path: String
  /// Its content, an object.
  let json: JSONValue

  /// The longest file this reader takes.
  private static let byteLimit = 16 << 20

  /// Reads `path`.
  ///
  /// - Throws: 66 where it is missing, 65 `CFG` where it is not a JSON object.
  init(_ path: String) throws(Fault) {
    self.path = path
    let bytes = try InputFile(path).readAll(limit: Self.byteLimit)
    do throws(Fault) {
      json = try JSONValue.parse(bytes)
    } catch {
      throw Fault(error.kind, "CFG", "\(error.reason) (\(error.code))", path: path)
    }
    guard json.objectValue != nil else {
      throw Fault(.badData, "CFG", "expected an object, found \(json.kindName)", path: path)
    }
  }

  /// `model_type`, such as `llama`.
  var modelType: String? { json["model_type"]?.stringValue }

  /// The block that shares a scale: `weight_block_size`, or `block_structure` or `group_size` of a
  /// compressed-tensors scheme (`formats/hf.md` §4).
  ///
  /// - Throws: 65 `CFG` unless it is positive integers, 69 `CFG-UNSUPPORTED` where schemes differ.
  func quantizationBlock() throws(Fault) -> (rows: Int, columns: Int)? {
    let scheme = json["quantization_config"]
    if let value = scheme?["weight_block_size"], !value.isNull {
      return try block(value, "quantization_config.weight_block_size")
    }
    var found: (rows: Int, columns: Int)?
    for group in scheme?["config_groups"]?.objectValue?.members ?? [] {
      let weights = group.value["weights"]
      let key = "quantization_config.config_groups.\(group.key).weights"
      let next: (rows: Int, columns: Int)
      switch weights?["strategy"]?.stringValue {
      case "block": next = try block(weights?["block_structure"], key + ".block_structure")
      case "group":
        next = try block([1, weights?["group_size"] ?? .null], key + ".group_size")
      default: continue
      }
      if let found, found != next {
        throw Fault(
          .unsupported, "CFG-UNSUPPORTED", "\(key) has another block than other groups",
          path: path)
      }
      found = next
    }
    return found
  }

  private func block(_ value: JSONValue?, _ key: String) throws(Fault) -> (rows: Int, columns: Int)
  {
    let sizes = value?.arrayValue?.compactMap(\.intValue) ?? []
    guard sizes.count == 2, value?.arrayValue?.count == 2,
      sizes.allSatisfy({ $0 > 0 && $0 <= 1 << 20 })
    else {
      throw Fault(.badData, "CFG", "\(key) must be positive integers", path: path)
    }
    return (sizes[0], sizes[1])
  }
}
