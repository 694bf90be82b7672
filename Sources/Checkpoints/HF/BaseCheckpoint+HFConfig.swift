package import Faults
package import JSON
package import Tensors

extension BaseCheckpoint {
  /// Members that describe files which a merged model does not have: quantised weights, code.
  private static let obsolete = [
    "quantization_config", "compression_config", "auto_map", "dtype", "torch_dtype",
  ]

  /// The `config.json` of a merged model of this shape (`formats/hf.md` §5.3): that of a Hugging Face base with what
  /// the merging changed, else a new one.
  package func huggingFaceJSON(
    _ configuration: DecoderConfiguration, dtype: DType
  ) throws(Fault) -> JSONValue {
    let names: [DType: String] = [.f32: "float32", .f16: "float16", .bf16: "bfloat16"]
    var json: JSONObject
    if let own = checkpoint.huggingFaceConfiguration?.objectValue {
      json = own
    } else {
      json = try newConfiguration(configuration)
    }
    for key in Self.obsolete { json[key] = nil }
    if configuration.hasLanguageHead {
      json["tie_word_embeddings"] = .bool(configuration.hasTiedEmbeddings)
    }
    let isNew = format == .gguf || self.configuration.classHead == nil
    if let head = configuration.classHead, isNew {
      let ofFolder = format == .gguf ? nil : Family.of(modelType: checkpoint.architecture)
      let family = ofFolder ?? configuration.family
      json["architectures"] = .array([.string(family.classesName)])
      json["id2label"] = .object(
        JSONObject(head.names.enumerated().map { ("\($0)", .string($1)) }))
      json["label2id"] = .object(
        JSONObject(head.names.enumerated().map { ($1, .integer($0)) }))
      json["num_labels"] = nil
    }
    // The name that every release of Transformers reads.
    json["torch_dtype"] = .string(names[dtype] ?? "float32")
    return .object(json)
  }

  /// That of a GGUF base, whose file names the special tokens.
  private func newConfiguration(_ shape: DecoderConfiguration) throws(Fault) -> JSONObject {
    var json = JSONObject(try shape.huggingFaceMembers())
    let metadata = checkpoint.metadata
    for role in ["bos", "eos", "pad"] {
      let stored = role == "pad" ? "padding" : role
      // Without these Transformers takes 1 and 2.
      let key = "\(role)_token_id"
      json[key] = metadata["tokenizer.ggml.\(stored)_token_id"] ?? json[key] ?? .null
    }
    return json
  }
}

extension Family {
  /// The class of Transformers that runs a model of the family with a head for classes.
  fileprivate var classesName: String {
    guard let suffix = ["ForCausalLM", "LMHeadModel"].first(where: className.hasSuffix) else {
      return className
    }
    return className.dropLast(suffix.count) + "ForSequenceClassification"
  }
}

extension DecoderConfiguration {
  /// The members of `config.json` that describe the model (`formats/hf.md` §3).
  ///
  /// - Throws: 69 `AD-EXPORT` where RoPE is scaled in a way that `config.json` has no words for.
  fileprivate func huggingFaceMembers() throws(Fault) -> [(String, JSONValue)] {
    var members = huggingFaceSettings
    guard let keys = huggingFaceRotary else { return members }
    var object = try rotaryJSON()
    if let share = keys.share, var fields = object.objectValue {
      members.append((share.key, share.value))
      fields["partial_rotary_factor"] = share.value
      object = .object(fields)
    }
    members.append((keys.theta, .number(ropeTheta)))
    if let local = keys.local {
      members.append((local.key, local.value))
      object = .object([
        "full_attention": object,
        "sliding_attention": .object([
          "rope_type": "default", "rope_theta": local.value,
        ]),
      ])
    }
    members.append(("rope_parameters", object))
    return members
  }

  // MARK: - RoPE

  private func rotaryJSON() throws(Fault) -> JSONValue {
    let scaling = rotaryScaling
    var fields: [(String, JSONValue)]
    switch scaling.kind {
    case .none where scaling.magnitude == 1 && scaling.divisors.isEmpty:
      fields = [("rope_type", "default")]
    case .none where scaling.divisors.isEmpty:
      // Plain frequencies, longer vectors: YaRN that divides by 1.
      fields = yarn(
        RotaryScaling.YaRN(factor: 1, originalLength: contextLength, attentionFactor: 1))
    case .none:
      // Divisors of its own for every pair: LongRoPE whose two lists are one.
      let divisors = scaling.divisors.map(Double.init)
      fields = longrope(
        RotaryScaling.LongRoPE(
          shortFactors: divisors, longFactors: divisors, originalLength: contextLength,
          attentionFactor: 1))
    case _ where !scaling.divisors.isEmpty:
      throw Fault(
        .unsupported, "AD-EXPORT",
        "the base has rope_freqs.weight and RoPE scaling beside it, for which config.json has no words; export "
          + "to merged-gguf")
    case .linear, .llama3, .dynamic:
      guard scaling.magnitude == 1 else {
        throw Fault(
          .unsupported, "AD-EXPORT",
          "the base has rope.scaling.attn_factor with a scaling that has none in config.json; export to "
            + "merged-gguf")
      }
      fields = plain(scaling.kind)
    case .yarn(let rule): fields = yarn(rule)
    case .longrope(let rule): fields = longrope(rule)
    case .unknown(let reason, let source):
      guard let source else {
        throw Fault(
          .unsupported, "AD-EXPORT",
          "\(reason), for which config.json has no words; export to merged-gguf")
      }
      return try JSONValue.parse(Array(source.utf8))
    }
    fields.append(("rope_theta", .number(ropeTheta)))
    return .object(JSONObject(fields.map { (key: $0.0, value: $0.1) }))
  }

  private func plain(_ kind: RotaryScaling.Kind) -> [(String, JSONValue)] {
    switch kind {
    case .linear(let factor): [("rope_type", "linear"), ("factor", .number(factor))]
    case .dynamic(let factor): [("rope_type", "dynamic"), ("factor", .number(factor))]
    case .llama3(let rule):
      [
        ("rope_type", "llama3"), ("factor", .number(rule.factor)),
        ("low_freq_factor", .number(rule.lowFrequencyFactor)),
        ("high_freq_factor", .number(rule.highFrequencyFactor)),
        ("original_max_position_embeddings", .integer(rule.originalLength)),
      ]
    default: []
    }
  }

  private func yarn(_ rule: RotaryScaling.YaRN) -> [(String, JSONValue)] {
    [
      ("rope_type", "yarn"), ("factor", .number(rule.factor)),
      ("original_max_position_embeddings", .integer(rule.originalLength)),
      ("attention_factor", .number(rule.attentionFactor * rotaryScaling.magnitude)),
      ("beta_fast", .number(rule.betaFast)), ("beta_slow", .number(rule.betaSlow)),
      ("truncate", .bool(rule.truncates)),
    ]
  }

  private func longrope(_ rule: RotaryScaling.LongRoPE) -> [(String, JSONValue)] {
    [
      ("rope_type", "longrope"), ("short_factor", .array(rule.shortFactors.map { .number($0) })),
      ("long_factor", .array(rule.longFactors.map { .number($0) })), ("factor", 1),
      ("original_max_position_embeddings", .integer(rule.originalLength)),
      ("attention_factor", .number(rule.attentionFactor * rotaryScaling.magnitude)),
    ]
  }
}
