import Faults

/// A tensor name of a PEFT file taken apart (`formats/peft.md` §1).
struct PEFTKey {
  enum Part: Hashable {
    /// `lora_A` and `lora_B`; AdaLoRA's have no `.weight`. Factors of fused experts lie `depth`
    /// layers of `base_layer` deep.
    case a(isBare: Bool, depth: Int), b(isBare: Bool, depth: Int)
    /// The bias of `lora_B` (`lora_bias`).
    case biasOfB
    /// AdaLoRA's diagonal.
    case diagonal
    /// KaSA's diagonal.
    case values
    /// DoRA's magnitudes.
    case magnitudes
    /// The LoRA-XS authors' trained matrix.
    case latent
    /// Factors of an embedding.
    case embeddingA, embeddingB
    /// Trained rows of an embedding.
    case tokens
    /// A parameter saved whole: `weight` or `bias` of `modules_to_save`, a trained bias.
    case whole(String)
    /// The same under `modules_to_save`, as PEFT adds it where the vocabulary was resized.
    case saved(String)
    /// A saved module as it was before training.
    case original(String)
    /// The weight of the layer itself beside its factors.
    case ownWeight
    case ignored

    /// The name of the part in messages and tables.
    var name: String {
      switch self {
      case .a(let isBare, let depth): "lora_A" + (isBare ? " without .weight" : "") + deep(depth)
      case .b(let isBare, let depth): "lora_B" + (isBare ? " without .weight" : "") + deep(depth)
      case .biasOfB: "lora_B.bias"
      case .diagonal: "lora_E"
      case .values: "lora_diag"
      case .magnitudes: "lora_magnitude_vector"
      case .latent: "lora_latent_mapping"
      case .embeddingA: "lora_embedding_A"
      case .embeddingB: "lora_embedding_B"
      case .tokens: "trainable_tokens_delta"
      case .whole(let leaf): leaf
      case .saved(let leaf): "modules_to_save.\(leaf)"
      case .original(let leaf): "original_module.\(leaf)"
      case .ownWeight: "base_layer.weight"
      case .ignored: ""
      }
    }

    private func deep(_ depth: Int) -> String { depth == 0 ? "" : " under \(depth) base_layer" }
  }

  let moduleName: String
  let part: Part

  /// - Throws: 69 `AD-TENSOR` when the tensor is nothing that PEFT writes for LoRA.
  init(_ name: String) throws(Fault) {
    var parts = PEFTKey.path(name)
    if let latent = PEFTKey.latentModule(parts) {
      (moduleName, part) = (latent, .latent)
      return
    }
    guard let place = parts.lastIndex(where: { $0.hasPrefix("lora_") }), place > 0 else {
      (moduleName, part) = try PEFTKey.other(name, parts)
      return
    }
    let word = parts[place]
    let rest = Array(parts[(place + 1)...])
    parts.removeSubrange(place...)
    var depth = 0
    while parts.count > 1, parts.last == "base_layer" {
      parts.removeLast()
      depth += 1
    }
    moduleName = parts.joined(separator: ".")
    // `lora_A.weight`, or with the adapter's name left in: `lora_A.default.weight`.
    let isWeight = rest.last == "weight" && rest.count <= 2
    let isBare = rest.last != "weight" && rest.last != "bias" && rest.count <= 1
    switch word {
    case "lora_A" where isWeight || isBare: part = .a(isBare: isBare, depth: depth)
    case "lora_B" where isWeight || isBare: part = .b(isBare: isBare, depth: depth)
    case "lora_B" where rest.last == "bias" && rest.count <= 2 && depth == 0: part = .biasOfB
    case "lora_E" where isBare: part = .diagonal
    case "lora_diag" where isBare: part = .values
    case "lora_magnitude_vector" where isWeight || isBare: part = .magnitudes
    case "lora_embedding_A" where isBare: part = .embeddingA
    case "lora_embedding_B" where isBare: part = .embeddingB
    case "lora_velora_embed", "lora_monteclora_sampler": part = .ignored
    default: throw PEFTKey.refused(name)
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

  /// Tensors without a word of LoRA: trained tokens and parameters saved whole.
  private static func other(
    _ name: String, _ parts: [String]
  ) throws(Fault) -> (module: String, part: Part) {
    guard let last = parts.last else { throw refused(name) }
    var path = parts
    if let place = path.firstIndex(of: "token_adapter") {
      let rest = Array(path[(place + 1)...])
      // `trainable_tokens_delta`, or with the adapter's name behind it.
      guard place > 0, rest.first == "trainable_tokens_delta", rest.count <= 2 else {
        throw refused(name)
      }
      return (path[..<place].joined(separator: "."), .tokens)
    }
    // A buffer that full state dictionaries of old versions hold; nothing is trained in it.
    if parts.suffix(2) == ["rotary_emb", "inv_freq"] {
      return (parts.joined(separator: "."), .ignored)
    }
    guard last == "weight" || last == "bias", name.hasPrefix("base_model.") else {
      throw refused(name)
    }
    path.removeLast()
    var part = Part.whole(last)
    if let place = path.lastIndex(of: "modules_to_save") {
      // With the adapter's name behind it: `modules_to_save.default.weight`.
      path.removeSubrange(place..<min(place + 2, path.count))
      part = .saved(last)
    } else if let place = path.lastIndex(of: "original_module") {
      path.remove(at: place)
      part = .original(last)
    } else if path.last == "base_layer" {
      if last == "weight" { part = .ownWeight }
      while path.last == "base_layer" { path.removeLast() }
    }
    guard !path.isEmpty else { throw refused(name) }
    return (path.joined(separator: "."), part)
  }

  private static func refused(_ name: String) -> Fault {
    Fault(.unsupported, "AD-TENSOR", "is nothing that PEFT writes for LoRA", tensor: name)
  }
}
