/// The shape of a decoder-only transformer of the llama family, and the constants of its forward pass.
///
/// Everything that changes the forward pass of an accepted checkpoint is a field here; a checkpoint
/// that needs anything else (soft caps, experts) is refused by name when it is opened
/// (`formats/gguf.md` §7, `formats/hf.md` §3).
public struct DecoderConfiguration: Sendable, Hashable {
  /// The family whose forward pass applies, `llama`.
  public var architecture: String
  /// Width of the residual stream.
  public var hiddenSize: Int
  /// Number of decoder blocks.
  public var layerCount: Int
  /// Number of query heads.
  public var headCount: Int
  /// Number of key and of value heads; divides ``headCount``.
  public var keyValueHeadCount: Int
  /// Width of one head; even, because RoPE turns pairs.
  public var headDimension: Int
  /// Width of the gated feed-forward layer.
  public var feedForwardSize: Int
  /// Rows of the embedding matrix; a tokenizer may use fewer.
  public var vocabularySize: Int
  /// Positions the model was trained for.
  public var contextLength: Int
  /// RoPE base: pair i of a head turns by position · ropeTheta^(−2i/headDimension).
  public var ropeTheta: Double
  /// The ε inside RMSNorm: x / √(mean(x²) + ε) · weight.
  public var rmsNormEpsilon: Double
  /// Whether the output head is the embedding matrix, `model.embed_tokens.weight`.
  public var hasTiedEmbeddings: Bool
  /// How RoPE's frequencies differ from the plain ones.
  public var rotaryScaling: RotaryScaling
  /// The modules of every block that have a bias.
  public var biases: Set<LinearKind>
  /// How many positions a token sees, its own included; nil where it sees all before it.
  public var slidingWindow: Int?
  /// A window that programs disagree about: within it they compute the same.
  public var doubtfulWindow: Int?

  /// A configuration from its fields; nothing is checked here.
  public init(
    architecture: String, hiddenSize: Int, layerCount: Int, headCount: Int,
    keyValueHeadCount: Int, headDimension: Int, feedForwardSize: Int, vocabularySize: Int,
    contextLength: Int, ropeTheta: Double, rmsNormEpsilon: Double, hasTiedEmbeddings: Bool,
    rotaryScaling: RotaryScaling = RotaryScaling(), biases: Set<LinearKind> = [],
    slidingWindow: Int? = nil, doubtfulWindow: Int? = nil
  ) {
    self.architecture = architecture
    self.hiddenSize = hiddenSize
    self.layerCount = layerCount
    self.headCount = headCount
    self.keyValueHeadCount = keyValueHeadCount
    self.headDimension = headDimension
    self.feedForwardSize = feedForwardSize
    self.vocabularySize = vocabularySize
    self.contextLength = contextLength
    self.ropeTheta = ropeTheta
    self.rmsNormEpsilon = rmsNormEpsilon
    self.hasTiedEmbeddings = hasTiedEmbeddings
    self.rotaryScaling = rotaryScaling
    self.biases = biases
    self.slidingWindow = slidingWindow
    self.doubtfulWindow = doubtfulWindow
  }

  /// The longest text that is computed as the model defines it, at most ``contextLength``.
  public var exactLength: Int {
    min(contextLength, rotaryScaling.exactLength ?? .max, doubtfulWindow ?? .max)
  }

  /// What makes ``exactLength`` shorter than the context, in words.
  public var lengthLimit: String {
    exactLength == doubtfulWindow ? "sliding_window" : "RoPE scaling"
  }

  /// Rows of `q_proj`, columns of `o_proj`.
  public var queryWidth: Int { headCount * headDimension }
  /// Rows of `k_proj` and of `v_proj`.
  public var keyValueWidth: Int { keyValueHeadCount * headDimension }

  /// Every parameter of the model by its Hugging Face name, with its shape; the output head too where it is tied to
  /// the embeddings.
  public var parameters: [(name: String, shape: [Int])] {
    LlamaNames.expected(self)
      + (hasTiedEmbeddings ? [(LlamaNames.head, [vocabularySize, hiddenSize])] : [])
  }
}
