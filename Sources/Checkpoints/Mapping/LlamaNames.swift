internal import Faults

/// Tensor names of the llama family: Hugging Face against GGUF (`formats/gguf.md` §7.1).
public enum LlamaNames {
  /// Names outside the blocks.
  private static let global: [(huggingFace: String, gguf: String)] = [
    (embedding, "token_embd.weight"),
    ("model.norm.weight", "output_norm.weight"),
    (head, "output.weight"),
  ]

  /// Names inside a block, after `model.layers.N.` and `blk.N.`.
  private static let block: [(huggingFace: String, gguf: String)] = [
    ("input_layernorm.weight", "attn_norm.weight"),
    ("self_attn.q_proj.weight", "attn_q.weight"),
    ("self_attn.k_proj.weight", "attn_k.weight"),
    ("self_attn.v_proj.weight", "attn_v.weight"),
    ("self_attn.o_proj.weight", "attn_output.weight"),
    ("post_attention_layernorm.weight", "ffn_norm.weight"),
    ("mlp.gate_proj.weight", "ffn_gate.weight"),
    ("mlp.up_proj.weight", "ffn_up.weight"),
    ("mlp.down_proj.weight", "ffn_down.weight"),
    ("self_attn.q_proj.bias", "attn_q.bias"),
    ("self_attn.k_proj.bias", "attn_k.bias"),
    ("self_attn.v_proj.bias", "attn_v.bias"),
    ("self_attn.o_proj.bias", "attn_output.bias"),
    ("mlp.gate_proj.bias", "ffn_gate.bias"),
    ("mlp.up_proj.bias", "ffn_up.bias"),
    ("mlp.down_proj.bias", "ffn_down.bias"),
  ]

  /// Tensors of GGUF files that hold what Hugging Face puts into `config.json`.
  enum Rotary {
    /// What every frequency of RoPE is divided by.
    static let divisors = "rope_freqs.weight"
    /// The same of LongRoPE, for texts within the original context and beyond.
    static let short = "rope_factors_short.weight"
    static let long = "rope_factors_long.weight"
  }

  /// The kinds of modules of which some block has a bias, by the names of a GGUF file's tensors.
  static func biasedKinds(gguf names: some Sequence<String>) -> Set<LinearKind> {
    var leaves: Set<String> = []
    for name in names where name.hasSuffix(".bias") {
      if let (_, leaf) = split(name, prefix: "blk.") { leaves.insert(leaf) }
    }
    return Set(
      LinearKind.allCases.filter { kind in
        let leaf = "\(kind.parent).\(kind.rawValue).bias"
        return block.contains { $0.huggingFace == leaf && leaves.contains($0.gguf) }
      })
  }

  /// The Hugging Face name of a GGUF tensor; nil where the family has no such tensor.
  public static func huggingFace(gguf name: String) -> String? {
    if let pair = global.first(where: { same($0.gguf, name) }) { return pair.huggingFace }
    guard let (layer, rest) = split(name, prefix: "blk."),
      let pair = block.first(where: { same($0.gguf, rest) })
    else { return nil }
    return "model.layers.\(layer).\(pair.huggingFace)"
  }

  /// The GGUF name of a Hugging Face tensor; nil where the family has no such tensor.
  public static func gguf(huggingFace name: String) -> String? {
    if let pair = global.first(where: { same($0.huggingFace, name) }) { return pair.gguf }
    guard let (layer, rest) = split(name, prefix: "model.layers."),
      let pair = block.first(where: { same($0.huggingFace, rest) })
    else { return nil }
    return "blk.\(layer).\(pair.gguf)"
  }

  /// Which layer and leaf a name inside a block has, such as `(3, "attn_q.weight")` for
  /// `blk.3.attn_q.weight` and the prefix `blk.`; nil for other names and unwritable indices.
  static func split(_ name: String, prefix: String) -> (layer: Int, leaf: String)? {
    guard name.utf8.starts(with: prefix.utf8) else { return nil }
    let rest = name.utf8.dropFirst(prefix.utf8.count)
    guard let dot = rest.firstIndex(of: UInt8(ascii: ".")) else { return nil }
    let digits = rest[..<dot]
    // Only the plain form: no sign, no leading zero, nothing that overflows.
    guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }),
      digits.count == 1 || digits.first != 0x30,
      let layer = Int(String(decoding: digits, as: UTF8.self)),
      let leaf = String(rest[rest.index(after: dot)...])
    else { return nil }
    return (layer, leaf)
  }

  /// Refuses a name that begins like a block's but whose layer index is out of range.
  static func checkLayerIndex(
    _ name: String, prefix: String, layerCount: Int
  ) throws(Fault) {
    guard name.utf8.starts(with: prefix.utf8) else { return }
    guard let (layer, _) = split(name, prefix: prefix), layer < layerCount else {
      throw Fault(
        .badData, "NAME-INDEX", "layer index out of range; the model has \(layerCount) layers",
        tensor: name)
    }
  }

  /// Whether a tensor only repeats what the configuration says, as RoPE frequencies in old files do.
  static func isDerived(_ name: String) -> Bool {
    split(name, prefix: "model.layers.")?.leaf == "self_attn.rotary_emb.inv_freq"
  }

  /// Every tensor of a model of this shape, by Hugging Face name, with its shape.
  static func expected(
    _ configuration: DecoderConfiguration
  ) -> [(name: String, shape: [Int])] {
    let hidden = configuration.hiddenSize
    var list: [(name: String, shape: [Int])] = [
      (embedding, [configuration.vocabularySize, hidden]),
      ("model.norm.weight", [hidden]),
    ]
    if !configuration.hasTiedEmbeddings {
      list.append((head, [configuration.vocabularySize, hidden]))
    }
    for layer in 0..<configuration.layerCount {
      list.append(("model.layers.\(layer).input_layernorm.weight", [hidden]))
      list.append(("model.layers.\(layer).post_attention_layernorm.weight", [hidden]))
      for kind in LinearKind.allCases {
        let module = LinearModule(layer: layer, kind: kind, configuration: configuration)
        list.append((module.weightName, [module.outFeatures, module.inFeatures]))
        if configuration.biases.contains(kind) {
          list.append((module.biasName, [module.outFeatures]))
        }
      }
    }
    return list
  }

  /// The name of the output head.
  public static let head = "lm_head.weight"
  /// The name of the token embeddings.
  public static let embedding = "model.embed_tokens.weight"

  /// Equality of bytes; Swift's `==` would also equate canonically equivalent names.
  private static func same(_ left: String, _ right: String) -> Bool {
    left.utf8.elementsEqual(right.utf8)
  }
}
