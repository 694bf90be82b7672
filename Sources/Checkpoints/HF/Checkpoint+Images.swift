public import Faults
internal import Files
internal import JSON

/// What is done with the bytes of an image before a model reads it, by `preprocessor_config.json` (`formats/hf.md` §3.2).
public struct ImageProcessing: Sendable, Hashable {
  /// What bytes are multiplied by.
  public let factor: Double
  /// What is then taken away in each channel.
  public let mean: [Double]
  /// What is then divided by in each channel.
  public let deviation: [Double]
}

extension Checkpoint {
  /// How the model wants bytes of images of `shape`.
  ///
  /// - Throws: 66 where there is no `preprocessor_config.json`; 65 `CFG` for values that make no sense, 69 `CFG-UNSUPPORTED`
  ///   naming a key that is not followed, and for another size than the model's: nothing is resized here.
  public func imageProcessing(_ shape: ImageShape) throws(Fault) -> ImageProcessing {
    let name = "preprocessor_config.json"
    guard let directory = (source as? SafeTensorsWeights)?.directory,
      let file = directory.existing(name)
    else {
      throw Fault(
        .missingInput, "CFG", "there is no \(name), without which bytes of images mean nothing",
        path: path)
    }
    do throws(Fault) {
      let text = try JSONValue.parse(InputFile(file).readAll(limit: 1 << 20))
      return try ImageProcessing(JSONField(text, code: "CFG"), shape)
    } catch {
      throw error.at(path: file)
    }
  }
}

extension ImageProcessing {
  /// Keys that say nothing about the numbers.
  private static let inert: Set<String> = [
    "image_processor_type", "feature_extractor_type", "processor_class", "resample",
    "_valid_processor_keys", "data_format", "input_data_format", "return_tensors", "device",
    "disable_grouping",
  ]
  /// Keys that are read.
  private static let known: Set<String> = [
    "do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std", "do_resize", "size",
  ]

  fileprivate init(_ root: JSONField, _ shape: ImageShape) throws(Fault) {
    func unsupported(_ reason: String) -> Fault { Fault(.unsupported, "CFG-UNSUPPORTED", reason) }
    func flag(_ key: String) throws(Fault) -> Bool {
      root[key].isPresent ? try root[key].bool() : true
    }
    for (key, field) in try root.fields() where field.isPresent {
      if Self.inert.contains(key) || Self.known.contains(key) { continue }
      // Other steps are followed only where they are switched off.
      guard field.value?.boolValue == false || !key.hasPrefix("do_") && !Self.belongs(key, root)
      else {
        throw unsupported("\(key) is set and may change the image")
      }
    }
    if try flag("do_resize"), root["size"].isPresent {
      let sides = try Self.sides(root["size"])
      guard sides.rows == shape.height, sides.columns == shape.width else {
        throw unsupported(
          "size is \(sides.rows)x\(sides.columns), the model reads \(shape.height)x\(shape.width), and nothing is resized"
        )
      }
    }
    factor =
      try flag("do_rescale")
      ? (root["rescale_factor"].isPresent ? try root["rescale_factor"].double() : 1.0 / 255) : 1
    func list(_ key: String) throws(Fault) -> [Double] {
      let field = root[key]
      guard field.value?.arrayValue != nil else {
        return Array(repeating: try field.double(), count: shape.channels)
      }
      var values: [Double] = []
      for item in try field.array() { values.append(try item.double()) }
      guard values.count == shape.channels else {
        throw field.fault("has \(values.count) numbers, the model reads \(shape.channels) channels")
      }
      return values
    }
    let normalizes = try flag("do_normalize")
    mean = normalizes ? try list("image_mean") : Array(repeating: 0, count: shape.channels)
    deviation = normalizes ? try list("image_std") : Array(repeating: 1, count: shape.channels)
    guard deviation.allSatisfy({ $0 > 0 }) else {
      throw root["image_std"].fault("is not positive")
    }
    guard factor > 0 else { throw root["rescale_factor"].fault("is not positive") }
    for (mean, deviation) in zip(mean, deviation) {
      // What the darkest and the brightest byte become.
      let ends = [0, 255].map { Float((Double($0) * factor - mean) / deviation) }
      guard ends.allSatisfy(\.isFinite) else {
        throw root["image_std"].fault(
          "makes numbers of bytes that are not finite, with image_mean and rescale_factor")
      }
    }
  }

  /// Whether a key is of a step that is switched on.
  private static func belongs(_ key: String, _ root: JSONField) -> Bool {
    let steps = ["crop_size": "do_center_crop", "pad_size": "do_pad"]
    guard let step = steps[key] else { return true }
    return root[step].value?.boolValue == true
  }

  /// `size`: an integer for both, or an object of height and width.
  private static func sides(_ field: JSONField) throws(Fault) -> (rows: Int, columns: Int) {
    if field.value?.objectValue == nil {
      let side = try field.int(in: 1...1 << 16)
      return (side, side)
    }
    return (
      try field["height"].int(in: 1...1 << 16), try field["width"].int(in: 1...1 << 16)
    )
  }
}
