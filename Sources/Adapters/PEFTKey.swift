import Faults

/// A tensor name of a PEFT file taken apart (`formats/peft.md` §1).
struct PEFTKey {
  enum Factor { case a, b, ignored }

  let moduleName: String
  let factor: Factor

  /// - Throws: 69 `AD-TENSOR` naming what the tensor belongs to when it is not a linear LoRA factor.
  init(_ name: String) throws(Fault) {
    var parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    // Wrappers of training frameworks are not part of the path.
    parts.removeAll { $0 == "_orig_mod" || $0 == "_fsdp_wrapped_module" }
    while parts.first == "module" { parts.removeFirst() }
    while parts.count > 2, parts[0] == "base_model", parts[1] == "model" { parts.removeFirst(2) }
    guard let place = parts.lastIndex(where: { $0.hasPrefix("lora_") }), place > 0 else {
      throw PEFTKey.refused(name, PEFTKey.explanation(parts))
    }
    let rest = Array(parts[(place + 1)...])
    moduleName = parts[..<place].joined(separator: ".")
    switch parts[place] {
    // `lora_A.weight`, or with the adapter's name left in: `lora_A.default.weight`.
    case "lora_A" where rest.last == "weight" && rest.count <= 2: factor = .a
    case "lora_B" where rest.last == "weight" && rest.count <= 2: factor = .b
    case "lora_velora_embed", "lora_monteclora_sampler": factor = .ignored
    default: throw PEFTKey.refused(name, PEFTKey.explanation(parts))
    }
    if ["base_layer", "experts"].contains(parts[place - 1]) {
      throw PEFTKey.refused(name, "factors of fused parameters (target_parameters)")
    }
  }

  private static func explanation(_ parts: [String]) -> String {
    let known: [(String, String)] = [
      ("lora_latent_mapping", "an official LoRA-XS latent"),
      ("default_lora_latent_mapping", "an official LoRA-XS latent"),
      ("lora_embedding_A", "an embedding factor"), ("lora_embedding_B", "an embedding factor"),
      ("lora_magnitude_vector", "a DoRA magnitude"), ("lora_diag", "a KaSA diagonal"),
      ("lora_E", "an AdaLoRA factor"), ("lora_B", "a bias of LoRA (lora_bias)"),
      ("base_layer", "a replaced base tensor"), ("modules_to_save", "a module saved whole"),
      ("token_adapter", "trained token rows"), ("lora_down", "a kohya factor"),
      ("lora_up", "a kohya factor"), ("alpha", "a kohya alpha"), ("lora_a", "an MLX factor"),
      ("lora_b", "an MLX factor"), ("bias", "a trained bias"), ("weight", "a module saved whole"),
    ]
    return known.first { word, _ in parts.contains(word) }?.1 ?? "not a LoRA factor"
  }

  private static func refused(_ name: String, _ what: String) -> Fault {
    Fault(.unsupported, "AD-TENSOR", "is \(what), which is not supported", tensor: name)
  }
}
