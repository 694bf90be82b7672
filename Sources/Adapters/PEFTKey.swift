import Faults

/// A tensor name of a PEFT file taken apart (`formats/peft.md` §1).
struct PEFTKey {
  enum Factor: Equatable {
    /// `lora_A` and `lora_B`; AdaLoRA's have no `.weight`.
    case a(isBare: Bool), b(isBare: Bool)
    /// AdaLoRA's diagonal.
    case diagonal
    /// The LoRA-XS authors' trained matrix.
    case latent
    case ignored
  }

  let moduleName: String
  let factor: Factor

  /// - Throws: 69 `AD-TENSOR` naming what the tensor belongs to when it is not a linear LoRA factor.
  init(_ name: String) throws(Fault) {
    let parts = PEFTKey.path(name)
    if let latent = PEFTKey.latentModule(parts) {
      (moduleName, factor) = (latent, .latent)
      return
    }
    guard let place = parts.lastIndex(where: { $0.hasPrefix("lora_") }), place > 0 else {
      throw PEFTKey.refused(name, parts)
    }
    let rest = Array(parts[(place + 1)...])
    moduleName = parts[..<place].joined(separator: ".")
    // `lora_A.weight`, or with the adapter's name left in: `lora_A.default.weight`.
    let isWeight = rest.last == "weight" && rest.count <= 2
    let isBare = rest.last != "weight" && rest.last != "bias" && rest.count <= 1
    switch parts[place] {
    case "lora_A" where isWeight || isBare: factor = .a(isBare: isBare)
    case "lora_B" where isWeight || isBare: factor = .b(isBare: isBare)
    case "lora_E" where isBare: factor = .diagonal
    case "lora_velora_embed", "lora_monteclora_sampler": factor = .ignored
    default: throw PEFTKey.refused(name, parts)
    }
    if ["base_layer", "experts"].contains(parts[place - 1]) {
      throw PEFTKey.refused(
        name, "factors of fused experts (target_parameters)", "merge the adapter into the base")
    }
  }

  /// The components of a name without what wrappers of training frameworks added.
  static func path(_ name: String) -> [String] {
    var parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    parts.removeAll { $0 == "_orig_mod" || $0 == "_fsdp_wrapped_module" }
    while parts.first == "module" { parts.removeFirst() }
    while parts.count > 2, parts[0] == "base_model", parts[1] == "model" { parts.removeFirst(2) }
    return parts
  }

  /// The module of a LoRA-XS latent, in both spellings (`formats/adapters.md` §8.1).
  private static func latentModule(_ parts: [String]) -> String? {
    guard parts.count > 2, parts.last == "weight" else { return nil }
    let word = parts[parts.count - 2]
    let above = parts[..<(parts.count - 2)].joined(separator: ".")
    if word == "default_lora_latent_mapping" || word == "lora_latent_mapping" { return above }
    let ending = "_lora_latent_mapping"
    guard word.hasSuffix(ending), word.utf8.count > ending.utf8.count else { return nil }
    return above + "." + word.dropLast(ending.count)
  }

  /// What other tensors are, and what their owner can do.
  private static let explanations: [(word: String, what: String, advice: String)] = [
    ("lora_embedding_A", "a factor of an embedding", "merge the adapter into the base"),
    ("lora_embedding_B", "a factor of an embedding", "merge the adapter into the base"),
    ("lora_magnitude_vector", "a DoRA magnitude", "merge the adapter into the base"),
    ("lora_diag", "a KaSA diagonal", "merge the adapter into the base"),
    ("lora_B", "a bias of LoRA (lora_bias)", "train without lora_bias"),
    ("modules_to_save", "a module saved whole (modules_to_save)", "save it into the base"),
    ("token_adapter", "trained token rows", "merge the adapter into the base"),
    ("base_layer", "a trained tensor of the base", "save it into the base"),
    ("bias", "a trained bias (bias all or lora_only)", "save it into the base"),
    ("weight", "a module saved whole (modules_to_save)", "save it into the base"),
  ]

  private static func refused(_ name: String, _ parts: [String]) -> Fault {
    guard let known = explanations.first(where: { parts.contains($0.word) }) else {
      return Fault(.unsupported, "AD-TENSOR", "is no LoRA factor", tensor: name)
    }
    return refused(name, known.what, known.advice)
  }

  private static func refused(_ name: String, _ what: String, _ advice: String) -> Fault {
    Fault(
      .unsupported, "AD-TENSOR", "is \(what), which no low-rank update can carry; \(advice)",
      tensor: name)
  }
}
