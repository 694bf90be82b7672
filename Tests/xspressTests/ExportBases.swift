import Checkpoints
import Files
import Foundation
import JSON
import Tensors
import TestSupport

/// The tiny model in every form that a base can have, for what is exported on it.
enum ExportBases: String, CaseIterable, Sendable {
  case huggingFace, huggingFaceTied, blockScales, rowScales
  case gguf, ggufTied, ggufTiedStored

  var isGGUF: Bool { rawValue.hasPrefix("gguf") }
  var isTied: Bool { rawValue.contains("Tied") }

  /// Writes the base into `folder`; its path.
  func write(to folder: String) throws -> String {
    if isGGUF {
      let path = Paths.join(folder, "base.gguf")
      try AtomicFile.write(path, bytes: try builder().bytes())
      return path
    }
    let path = Paths.join(folder, "base")
    try Paths.makeDirectory(path)
    let config = URL(fileURLWithPath: TinyLlama.folder + "/config.json")
    var json =
      try JSONSerialization.jsonObject(with: Data(contentsOf: config)) as? [String: Any] ?? [:]
    json["tie_word_embeddings"] = isTied
    json["transformers_version"] = "5.0.0"
    let weights: [UInt8]
    switch self {
    case .blockScales:
      json["quantization_config"] = ["quant_method": "fp8", "weight_block_size": [16, 16]]
      weights = try eightBit(suffix: ".weight_scale_inv") { shape in
        [(shape[0] + 15) / 16, (shape[1] + 15) / 16]
      }
    case .rowScales:
      json["quantization_config"] = [
        "quant_method": "compressed-tensors", "format": "float-quantized",
        "config_groups": ["group_0": ["weights": ["strategy": "channel"]]],
      ]
      weights = try eightBit(suffix: ".weight_scale") { [$0[0], 1] }
    default: weights = try plain()
    }
    try AtomicFile.write(Paths.join(path, "model.safetensors"), bytes: weights)
    try JSONSerialization.data(withJSONObject: json)
      .write(to: URL(fileURLWithPath: path + "/config.json"))
    return path
  }

  /// With a byte-level tokenizer of the 64 tokens, and where tied without a head or with the embeddings as one.
  private func builder() throws -> GGUFBuilder {
    var builder = try TinyLlama.gguf()
    if isTied {
      let embedding = builder.tensors.first { $0.name == Array("token_embd.weight".utf8) }
      guard let head = builder.tensors.firstIndex(where: { $0.name == Array("output.weight".utf8) })
      else { return builder }
      if self == .ggufTied {
        builder.tensors.remove(at: head)
      } else {
        builder.tensors[head].data = embedding?.data ?? []
      }
    }
    TinyLlama.addTokenizer(to: &builder)
    builder.add("tokenizer.chat_template", string: "{{ messages }}")
    return builder
  }

  private func plain() throws -> [UInt8] {
    let base = try SafeTensorsFile.open(TinyLlama.folder + "/model.safetensors")
    var writer = SafeTensorsWriter()
    for tensor in base.tensors where !isTied || tensor.name != "lm_head.weight" {
      try writer.add(
        tensor.name, dtype: .f32, shape: tensor.shape, floats: try base.floats(of: tensor))
    }
    return try writer.bytes()
  }

  /// Linear modules as codes of F8_E4M3, with a scale for each block or row and one for activations.
  private func eightBit(suffix: String, scales: ([Int]) -> [Int]) throws -> [UInt8] {
    let base = try SafeTensorsFile.open(TinyLlama.folder + "/model.safetensors")
    var (entries, data) = ([String](), [UInt8]())
    func add(_ name: String, _ dtype: String, _ shape: [Int], _ bytes: [UInt8]) {
      let shape = "[" + shape.map(String.init).joined(separator: ",") + "]"
      entries.append(
        SafeTensorsBytes.entry(
          name, dtype: "\"\(dtype)\"", shape: shape,
          offsets: "[\(data.count),\(data.count + bytes.count)]"))
      data += bytes
    }
    func floats(_ values: [Float]) -> [UInt8] {
      values.flatMap { GGUFBuilder.little($0.bitPattern) }
    }
    for tensor in base.tensors {
      guard tensor.name.hasSuffix("_proj.weight") else {
        add(tensor.name, "F32", tensor.shape, floats(try base.floats(of: tensor)))
        continue
      }
      let module = String(tensor.name.dropLast(".weight".count))
      let count = tensor.shape.reduce(1, *)
      // From 0.25 to 1.875, both signs.
      let codes = (0..<count).map { (index: Int) -> UInt8 in
        let magnitude = UInt8(0x28 + (index * 7) % 24)
        return index % 3 == 0 ? magnitude | 0x80 : magnitude
      }
      add(tensor.name, "F8_E4M3", tensor.shape, codes)
      let shape = scales(tensor.shape)
      let values = (0..<shape.reduce(1, *)).map { Float($0 % 5 + 1) / 16 }
      add(module + suffix, "F32", shape, floats(values))
      add(module + ".input_scale", "F32", [1], floats([0.5]))
    }
    return SafeTensorsBytes.file("{" + entries.joined(separator: ",") + "}", data: data)
  }
}
