internal import JSON

/// A family of decoders or encoders: the names of its settings and tensors, and what its blocks compute.
///
/// How to add one: `CONTRIBUTING.md`.
struct Family: Sendable {
  /// Which windows of attention a family's files state, and who honours them.
  enum Window: Sendable {
    /// Transformers passes over the key and others do not: longer texts are refused.
    case doubtful
    /// Part of the model; the value where `config.json` has no such key.
    case honoured(absent: Int?)
    /// Part of the model where `use_sliding_window` is set, from block `max_window_layers` on.
    case flagged
  }

  /// The keys of RoPE in `config.json`, beside the object of its parameters.
  struct RotaryKeys: Sendable {
    var theta = "rope_theta"
    var defaultTheta = 10_000.0
    /// The share of a head's dimensions that turn; nil where all do.
    var share: String?
    var defaultShare = 1.0
    /// θ of blocks with a window.
    var localTheta: String?
    var defaultLocalTheta: Double?
  }

  /// What configurations call it, and `general.architecture` of its GGUF files but where ``sharedArchitecture`` says another.
  let architecture: String
  /// Whether GGUF files of the family are read and written.
  var isInGGUF = true
  /// `general.architecture` of files that are told from those of other families by ``vocabularyInGGUF``.
  var sharedArchitecture: String?
  /// `tokenizer.ggml.model` of its files, where families share an architecture; nil for any.
  var vocabularyInGGUF: String?
  /// `model_type` of its Hugging Face models.
  let modelType: String
  /// The class of Transformers that runs it.
  let className: String
  let settings: [Setting]
  /// Keys of `config.json` beside the shared ones, with the values that change nothing; none stands for any.
  var inert: [String: [JSONValue]] = [:]
  /// Keys of `config.json` that must be there with one of these values: the class takes another where they are missing.
  var demanded: [String: [JSONValue]] = [:]
  /// Keys of GGUF metadata that change nothing, behind the architecture.
  var ggufInert: Set<String> = []
  /// Flags of GGUF metadata that must be there with this value.
  var ggufDemanded: [String: Bool] = [:]
  /// Whether names of classes, and heads for them that have their dense layer with them, are read from GGUF files.
  var hasClassesInGGUF = false
  /// Nil where the family has none.
  var rotary: RotaryKeys? = RotaryKeys()
  var window = Window.doubtful
  /// Whether programs for GGUF honour the window as the model was trained.
  var honoursWindowInGGUF = false
  /// Whether factors of RoPE in a GGUF file mean LongRoPE without being said to.
  var hasLongRoPEFactors = false
  let names: TensorNames
  /// The names in models with two norms for attention and feed-forward layer side by side, and the tensor of GGUF that
  /// only they have; nil where they are the same.
  var twoNorms: (names: TensorNames, mark: String)?
  /// Modules that have a bias whatever the settings say.
  var biases: Set<LinearKind> = []
  /// Whether the head has a bias.
  var headHasBias = false
  /// What its heads for classes are like; nil where none is known.
  var classForm: ClassHead.Form? = .ofDecoders
  /// What the names of heads for other tasks begin with: a head for classes takes their place.
  var otherHeads: [String] = []
  /// Tensors that old files have and nobody needs, of a block or by their whole names.
  var derived: Set<String> = ["self_attn.rotary_emb.inv_freq"]
  /// Whether its blocks have experts; of two families of one architecture one may.
  var hasExperts = false
  /// Fields that are fixed for the family.
  var fixed: @Sendable (inout DecoderConfiguration) -> Void = { _ in }
  /// Fields of `config.json` that others decide, when all are read.
  var settled: @Sendable (inout DecoderConfiguration) -> Void = { _ in }
  /// Takes ``settled`` back, for writing.
  var unsettled: @Sendable (inout DecoderConfiguration) -> Void = { _ in }
  /// What makes settings that are possible one by one impossible together, in words.
  var problem: @Sendable (DecoderConfiguration) -> String? = { _ in nil }
  /// What block `layer` computes.
  var block: @Sendable (_ layer: Int, _ model: DecoderConfiguration) -> Block = {
    $1.standardBlock($0)
  }

  /// Every family, in the order of the support table; a GGUF file's is the first of its architecture, with experts or without.
  static let all: [Family] = [
    .llama, .mistral, .qwen2, .qwen3, .smolLM3, .granite, .olmo2, .gemma, .gemma2, .gemma3, .phi3,
    .gpt2, .gptNeoX, .phi, .starCoder2, .stableLM, .falcon, .qwen2Experts, .qwen3Experts, .mixtral,
    .bert, .roberta, .xlmRoberta, .debertaV2, .vit,
  ]

  /// The names of the tensors of `model`.
  func names(of model: DecoderConfiguration) -> TensorNames {
    guard hasExperts else {
      return model.parallelNormCount == 2 ? twoNorms?.names ?? names : names
    }
    return names.withoutExperts(in: model.layersWithoutExperts)
  }

  /// Whether a GGUF file with these tensors has two norms where others of the family have one.
  func hasTwoNorms(_ tensors: [TensorInfo]) -> Bool {
    twoNorms.map { two in tensors.contains { $0.name == two.mark } } ?? false
  }

  /// `general.architecture` of its GGUF files.
  var ggufArchitecture: String { sharedArchitecture ?? architecture }

  /// The family of a GGUF file: of several of its architecture the one whose models have experts or have none, and a vocabulary
  /// of this model; the first of them where no other is meant.
  static func of(ggufArchitecture: String, hasExperts: Bool, vocabulary: String?) -> Family? {
    let those = all.filter { $0.isInGGUF && $0.ggufArchitecture == ggufArchitecture }
    return those.first {
      $0.hasExperts == hasExperts
        && ($0.vocabularyInGGUF == nil || $0.vocabularyInGGUF == vocabulary)
    } ?? those.first
  }

  /// The family that configurations call so, of two the one whose models have experts or have none.
  static func named(_ architecture: String, hasExperts: Bool) -> Family? {
    all.first { $0.architecture == architecture && $0.hasExperts == hasExperts }
      ?? all.first { $0.architecture == architecture }
  }

  static func of(modelType: String?) -> Family? { all.first { $0.modelType == modelType } }
}
