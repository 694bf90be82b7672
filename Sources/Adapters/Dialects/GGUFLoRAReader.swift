import Checkpoints
import Faults
import JSON
import Tensors

/// Reads llama.cpp's LoRA files (`formats/adapters.md` §7).
enum GGUFLoRAReader {
  static func read(_ files: AdapterFiles) throws(Fault) -> AdapterReading {
    let metadata = files.source.metadata
    var reading = AdapterReading()
    for (key, expected) in [("general.type", "adapter"), ("adapter.type", "lora")] {
      guard let text = metadata[key]?.stringValue, text == expected else {
        let found = metadata[key].map { Fault.escaped($0.text(), limit: 32) } ?? "missing"
        throw Fault(
          .unsupported, "AD-TYPE", "\(key) is \(found), only \(expected) is an adapter here")
      }
    }
    let architecture = metadata["general.architecture"]?.stringValue ?? "missing"
    guard let names = TensorNames.of(architecture: architecture) else {
      throw Fault(
        .unsupported, "AD-TYPE",
        "general.architecture \(Fault.escaped(architecture, limit: 32)) is not supported")
    }
    reading.ggufNames = names
    reading.baseModelName = metadata["general.base_model.0.name"]?.stringValue
    let alpha = metadata["adapter.lora.alpha"]?.doubleValue
    guard let alpha, alpha.isFinite, abs(alpha) <= 1e9 else {
      throw Fault(
        .badData, "AD-ALPHA", "adapter.lora.alpha is missing or not a number within +-1e9")
    }
    if metadata["adapter.alora.invocation_tokens"] != nil {
      throw Fault(
        .unsupported, "AD-FIELD",
        "adapter.alora.invocation_tokens: active after certain tokens only, which nothing merged "
          + "can be")
    }
    if metadata["adapter.lora.prompt_prefix"] != nil {
      reading.warnings.append(
        Warning("AD-CONFIG", "adapter.lora.prompt_prefix is not applied: add it to the prompts"))
    }
    var table = FactorTable()
    for tensor in files.source.tensors {
      if tensor.name.hasSuffix("_norm.weight") {
        // As llama.cpp does.
        reading.warnings.append(
          Warning(
            "AD-TENSOR", "is a trained norm, which llama.cpp skips and so it is not applied",
            subject: tensor.name))
        continue
      }
      let (module, part) = try split(tensor, names)
      try table.add(tensor, module: module, part: part)
    }
    for entry in try table.ordered() {
      let tensors = (try entry.required("lora_a"), try entry.required("lora_b"))
      if entry.module == names.module(.embedding) {
        // Turned: a column of A is a row of the embeddings.
        let (a, b) = (try files.source.matrix(tensors.0), try files.source.matrix(tensors.1))
        try reading.add(
          entry.module, shape: [a.rows, b.rows], a: b.transposed, b: a,
          scaling: alpha == 0 ? 1 : alpha / Double(max(1, b.columns)))
        continue
      }
      let (a, b) = try PEFTReader.pair(tensors.0, tensors.1, files.source, module: entry.module)
      // llama.cpp takes alpha 0 for "no scaling".
      let scaling = alpha == 0 ? 1 : alpha / Double(max(1, b.columns))
      try reading.add(entry.module, a: a, b: b, scaling: scaling)
    }
    return reading
  }

  private static func split(
    _ tensor: TensorInfo, _ names: TensorNames
  ) throws(Fault) -> (module: String, part: String) {
    let name = tensor.name
    for part in ["lora_a", "lora_b"] where name.hasSuffix("." + part) {
      let base = String(name.dropLast(part.count + 1))
      let known = names.huggingFace(gguf: base)
      guard let path = known, tensor.shape.count == 2, names.hasFactors(huggingFace: path)
      else {
        throw Fault(
          .unsupported, "AD-TENSOR",
          "is a factor of \(Fault.escaped(base, limit: 64)), neither a linear module nor embeddings; merge "
            + "the adapter into the base (llama-export-lora)", tensor: name)
      }
      return (String(path.dropLast(7)), part)
    }
    throw Fault(
      .unsupported, "AD-TENSOR",
      "is no LoRA factor; merge the adapter into the base (llama-export-lora)", tensor: name)
  }
}
