import Checkpoints
import Foundation
public import JSON
import Tensors

/// The tiny model with scaled RoPE, biases or a window, and what Transformers computes for it
/// (golden/tools/make_llama.py).
public struct TinyVariant: CustomStringConvertible, Sendable {
  /// Its name in golden/llama/variants.json.
  public let description: String
  /// The fields of `config.json` that it sets.
  public let fields: [(key: String, value: JSONValue)]

  /// All of them.
  public static let all: [TinyVariant] = (try? read()) ?? []

  /// What all have in common: the prompt, positions and examples.
  public static func common() throws -> JSONValue {
    try JSONValue.parse(
      Array(Data(contentsOf: URL(fileURLWithPath: Checkout.path("golden/llama/variants.json")))))
  }

  private static func read() throws -> [TinyVariant] {
    (try common()["variants"]?.objectValue?.members ?? []).map { entry in
      TinyVariant(
        description: entry.key,
        fields: (entry.value.objectValue?.members ?? []).map { ($0.key, $0.value) })
    }
  }

  /// The values of a tensor of golden/llama/`file`.safetensors.
  public static func values(_ name: String, in file: String = "expected") throws -> [Double] {
    let file = try SafeTensorsFile.open(Checkout.path("golden/llama/\(file).safetensors"))
    let tensor = try file.tensor(name)
    return try file.doubles(of: tensor)
  }

  /// Runs `body` with a folder that holds the model.
  public func withFolder<R>(_ body: (String) throws -> R) throws -> R {
    try TinyLlama.withCopy(config: { config in
      config["rope_parameters"] = nil
      config["rope_theta"] = 10_000
      for (key, value) in fields {
        config[key] = try? JSONSerialization.jsonObject(
          with: Data(value.bytes()), options: .fragmentsAllowed)
      }
    }) { folder in
      try addBiases(folder)
      return try body(folder)
    }
  }

  private func addBiases(_ folder: String) throws {
    let parents = fields.compactMap { field -> String? in
      guard field.value == true else { return nil }
      return field.key == "attention_bias" ? "self_attn" : "mlp"
    }
    if parents.isEmpty { return }
    let path = folder + "/model.safetensors"
    var writer = SafeTensorsWriter()
    for file in [path, Checkout.path("golden/llama/biases.safetensors")] {
      let file = try SafeTensorsFile.open(file)
      for tensor in file.tensors
      where !tensor.name.hasSuffix(".bias") || parents.contains(where: tensor.name.contains) {
        try writer.add(tensor.name, shape: tensor.shape, floats: file.floats(of: tensor))
      }
    }
    try writer.write(to: path)
  }
}
