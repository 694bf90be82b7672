internal import JSON

/// A row of a family's table of settings: which field of the configuration a key of `config.json` and a key of GGUF
/// metadata fill, in which range, and what holds where there is no key.
struct Setting: Sendable {
  typealias Path<Value> = WritableKeyPath<DecoderConfiguration, Value> & Sendable

  /// The field, and how its value is written.
  enum Field: Sendable {
    /// An integer from 1 to `limit`.
    case size(any Path<Int>, limit: Int)
    /// An integer from 0 on.
    case count(any Path<Int>)
    /// A positive integer; one from -1 to 0 stands for none.
    case bound(any Path<Int?>)
    /// An integer that must be what a field before it is, which stands for nothing of its own.
    case same(any Path<Int>)
    /// One positive integer for both, or a list of two.
    case sides(any Path<Int>, any Path<Int>)
    /// A positive number.
    case number(any Path<Double>)
    /// A positive number or none.
    case optional(any Path<Double?>)
    case flag(any Path<Bool>)
    /// Whether these modules have biases; GGUF shows it by the biases themselves.
    case biases([LinearKind])
    /// A name of the feed-forward layer's function.
    case activation
    /// A list of a flag a block, written as booleans or as 0 and 1.
    case flags(any Path<[Bool]>)
    /// A list of numbers of blocks, from 0.
    case blocks(any Path<[Int]>)
  }

  /// What holds where a key is missing or null.
  enum Default: Sendable {
    /// Nothing: the file is refused.
    case required
    /// A number.
    case value(Double)
    /// What follows from fields that are read before; nil is refused.
    case derived(@Sendable (DecoderConfiguration) -> Double?)
    /// What the field holds already.
    case asIs
  }

  let field: Field
  /// The key of `config.json`; nil where it has none.
  let huggingFace: String?
  /// The key of GGUF metadata, behind `ARCHITECTURE.`.
  let gguf: String?
  let huggingFaceDefault: Default
  let ggufDefault: Default
  /// Another name of the key of `config.json`.
  var huggingFaceAlias: String?
  /// What holds where the key of `config.json` is not there at all, where that differs from null.
  var absent: Double?
  /// Whether GGUF may have an array of a value a block, which must be equal.
  var isPerLayer = false

  init(
    _ field: Field, _ huggingFace: String?, _ gguf: String?, default fallback: Default,
    gguf ggufDefault: Default? = nil, absent: Double? = nil, isPerLayer: Bool = false
  ) {
    self.field = field
    self.huggingFace = huggingFace
    self.gguf = gguf
    huggingFaceDefault = fallback
    self.ggufDefault = ggufDefault ?? fallback
    self.absent = absent
    self.isPerLayer = isPerLayer
  }
}

extension Setting {
  private static let heads = 1 << 16

  // What nearly all families have, under the names that most use.
  static let hiddenSize = size(\.hiddenSize, "hidden_size", "embedding_length")
  static let layerCount = size(\.layerCount, "num_hidden_layers", "block_count", limit: heads)
  static let headCount = size(
    \.headCount, "num_attention_heads", "attention.head_count", limit: heads, isPerLayer: true)
  static let feedForwardSize = size(
    \.feedForwardSize, "intermediate_size", "feed_forward_length", isPerLayer: true)
  static let tied = Setting(
    .flag(\.hasTiedEmbeddings), "tie_word_embeddings", nil, default: .asIs)
  static let activation = Setting(.activation, "hidden_act", nil, default: .asIs)
  static let attentionBias = Setting(
    .biases([.query, .key, .value, .output]), "attention_bias", nil, default: .asIs)
  static let feedForwardBias = Setting(
    .biases([.gate, .up, .down]), "mlp_bias", nil, default: .asIs)

  static func size(
    _ path: any Path<Int>, _ huggingFace: String?, _ gguf: String?, limit: Int = 1 << 31 - 1,
    isPerLayer: Bool = false
  ) -> Setting {
    Setting(
      .size(path, limit: limit), huggingFace, gguf, default: .required, isPerLayer: isPerLayer)
  }

  static func keyValueHeads(
    _ huggingFace: String? = "num_key_value_heads", absent: Double? = nil
  ) -> Setting {
    Setting(
      .size(\.keyValueHeadCount, limit: heads), huggingFace, "attention.head_count_kv",
      default: .derived { Double($0.headCount) }, absent: absent, isPerLayer: true)
  }

  /// The width of a head, hidden size over heads where it is not stated.
  static func headDimension(_ huggingFace: String? = "head_dim", absent: Double? = nil) -> Setting {
    Setting(
      .size(\.headDimension, limit: heads), huggingFace, "attention.key_length",
      default: .derived {
        $0.hiddenSize % $0.headCount == 0 ? Double($0.hiddenSize / $0.headCount) : nil
      }, absent: absent)
  }

  static func context(_ value: Double, _ huggingFace: String = "max_position_embeddings") -> Setting
  {
    Setting(
      .size(\.contextLength, limit: 1 << 31 - 1), huggingFace, "context_length",
      default: .value(value), gguf: .required)
  }

  static func rmsEpsilon(_ value: Double = 1e-6) -> Setting {
    Setting(
      .number(\.normEpsilon), "rms_norm_eps", "attention.layer_norm_rms_epsilon",
      default: .value(value), gguf: .required)
  }

  static func layerEpsilon(_ huggingFace: String = "layer_norm_eps") -> Setting {
    Setting(
      .number(\.normEpsilon), huggingFace, "attention.layer_norm_epsilon", default: .value(1e-5),
      gguf: .required)
  }
}
