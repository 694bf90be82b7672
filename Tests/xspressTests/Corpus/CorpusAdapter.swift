import Checkpoints
import Files
import Foundation
import JSON
import Tensors
import TestSupport

/// The tiny adapter, copied and changed.
enum CorpusAdapter {
  static let weights = "adapter_model.safetensors"

  /// A copy in `folder`, its configuration passed through `change`; its path.
  static func copy(
    to folder: String, configuration change: ((inout JSONObject) -> Void)? = nil
  ) throws -> String {
    let path = Paths.join(folder, "adapter")
    try FileManager.default.copyItem(atPath: Checkout.path("golden/tiny/adapter"), toPath: path)
    if let change {
      let file = Paths.join(path, "adapter_config.json")
      let value = try JSONValue.parse(try InputFile(file).readAll(limit: 1 << 20))
      var object = value.objectValue ?? JSONObject()
      change(&object)
      try Data(JSONValue.object(object).text().utf8).write(to: URL(fileURLWithPath: file))
    }
    return path
  }

  /// A copy whose tensors are what `change` makes of them: another shape, another type, or none.
  static func rewritten(
    in folder: String, _ change: (_ tensor: inout Tensor) -> Bool
  ) throws -> String {
    let path = try copy(to: folder)
    let file = try SafeTensorsFile.open(Checkout.path("golden/tiny/adapter/\(weights)"))
    var writer = SafeTensorsWriter(metadata: [(key: "format", value: "pt")])
    for info in file.tensors {
      var tensor = Tensor(
        name: info.name, shape: info.shape, dtype: .f32, values: try file.floats(of: info))
      guard change(&tensor) else { continue }
      try writer.add(tensor.name, dtype: tensor.dtype, shape: tensor.shape, floats: tensor.values)
    }
    try Data(try writer.bytes()).write(to: URL(fileURLWithPath: Paths.join(path, weights)))
    return path
  }

  struct Tensor {
    var name: String
    var shape: [Int]
    var dtype: DType
    var values: [Float]
  }

  /// A copy with one value put over the last of the file, or the first.
  static func patched(in folder: String, _ value: Float, atEnd: Bool) throws -> String {
    let path = try copy(to: folder)
    let url = URL(fileURLWithPath: Paths.join(path, weights))
    var bytes = [UInt8](try Data(contentsOf: url))
    let length = bytes.prefix(8).enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }
    let place = atEnd ? bytes.count - 4 : 8 + length
    bytes.replaceSubrange(place..<place + 4, with: GGUFBuilder.little(value.bitPattern))
    try Data(bytes).write(to: url)
    return path
  }
}
