import Checkpoints
import Faults
import Files
import JSON
import Tensors

/// A small adapter directory, whole or with one defect.
struct TinyAdapter {
  var configuration: JSONObject = JSONObject([
    ("peft_type", "LORA"), ("exclude_modules", nil), ("r", 2), ("lora_alpha", 4), ("bias", "none"),
    ("target_modules", ["q_proj", "up_proj"]), ("init_lora_weights", true),
  ])
  /// Name, shape, values.
  var tensors: [(name: String, shape: [Int], values: [Float])] = []
  var dtype = DType.f32

  static let query = "model.layers.0.self_attn.q_proj"
  static let up = "model.layers.0.mlp.up_proj"

  /// Two modules of rank 2, [3, 4] and [5, 4].
  init() {
    addPair(TinyAdapter.query, outFeatures: 3, inFeatures: 4, rank: 2)
    addPair(TinyAdapter.up, outFeatures: 5, inFeatures: 4, rank: 2)
  }

  mutating func addPair(_ module: String, outFeatures: Int, inFeatures: Int, rank: Int) {
    let prefix = "base_model.model.\(module)"
    add("\(prefix).lora_A.weight", [rank, inFeatures])
    add("\(prefix).lora_B.weight", [outFeatures, rank])
  }

  mutating func add(_ name: String, _ shape: [Int]) {
    let count = shape.reduce(1, *)
    let values = (0..<count).map { Float(($0 * 7 + tensors.count * 3) % 11) - 5 }
    tensors.append((name, shape, values))
  }

  mutating func set(_ key: String, _ value: JSONValue?) { configuration[key] = value }

  mutating func rename(_ part: String, _ other: String) {
    for index in tensors.indices {
      tensors[index].name = tensors[index].name.replacing(part, with: other)
    }
  }

  mutating func remove(_ part: String) { tensors.removeAll { $0.name.contains(part) } }

  func write(to folder: String) throws(Fault) {
    var writer = SafeTensorsWriter()
    for tensor in tensors {
      try writer.add(tensor.name, dtype: dtype, shape: tensor.shape, floats: tensor.values)
    }
    try writer.write(to: Paths.join(folder, "adapter_model.safetensors"))
    try AtomicFile.write(
      Paths.join(folder, "adapter_config.json"), text: JSONValue.object(configuration).text())
  }
}
