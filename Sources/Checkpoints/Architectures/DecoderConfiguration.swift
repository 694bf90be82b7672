/// The shape of a decoder-only or encoder-only transformer, and the constants of its forward pass.
///
/// Everything that changes the forward pass of an accepted checkpoint is a field here or fixed by its family; a
/// checkpoint that needs anything else is refused by name when it is opened (`formats/gguf.md` §7, `formats/hf.md` §3).
/// What is computed follows from ``block(_:)``.
public struct DecoderConfiguration: Sendable, Hashable {
  /// The family whose forward pass applies, by its name in GGUF files, such as `llama`.
  public var architecture: String
  /// Width of the residual stream.
  public var hiddenSize: Int
  /// Number of blocks.
  public var layerCount: Int
  /// Number of query heads.
  public var headCount: Int
  /// Number of key and of value heads; divides ``headCount``.
  public var keyValueHeadCount: Int
  /// Width of one head.
  public var headDimension: Int
  /// Columns of the last product of the feed-forward layer.
  public var feedForwardSize: Int
  /// Rows of the embedding matrix; a tokenizer may use fewer.
  public var vocabularySize: Int
  /// Positions the model was trained for.
  public var contextLength: Int
  /// RoPE base: pair i of a head turns by position · ropeTheta^(−2i/rotaryDimension).
  public var ropeTheta: Double
  /// The ε inside the norms.
  public var normEpsilon: Double
  /// Whether the output head is the embedding matrix.
  public var hasTiedEmbeddings: Bool
  /// How RoPE's frequencies differ from the plain ones.
  public var rotaryScaling: RotaryScaling
  /// The modules of every block that have a bias.
  public var biases: Set<LinearKind>
  /// How many positions a token sees, its own included; nil where it sees all before it.
  public var slidingWindow: Int?
  /// A window that programs disagree about: within it they compute the same.
  public var doubtfulWindow: Int?

  /// The feed-forward layer's function.
  public var activation = Activation.silu
  /// How many dimensions of a head RoPE turns; nil for all.
  public var rotaryDimension: Int?
  /// RoPE base of blocks with a window, where it is another; their frequencies are plain.
  public var localRopeTheta: Double?
  /// Whether a block has the window; empty where ``windowInterval`` says it.
  public var windowedLayers: [Bool] = []
  /// Every so many blocks one without window, the last of them; 0 for none.
  public var windowInterval = 0
  /// Whether a block's heads turn; empty where ``rotaryInterval`` says it.
  public var rotaryLayers: [Bool] = []
  /// Every so many blocks one whose heads do not turn, the last of them; 0 for none.
  public var rotaryInterval = 0
  /// Multiplies embeddings.
  public var embeddingScale = 1.0
  /// Multiplies q·k; nil for 1/√``headDimension``.
  public var attentionScale: Double?
  /// The width d of which attention's scale is 1/√d, where it is not the head's.
  public var queryScaleWidth: Double?
  /// Whether attention of block i is divided by i + 1 too.
  public var dividesAttentionByLayer = false
  /// Multiplies what a block adds.
  public var residualScale = 1.0
  /// Divides logits.
  public var logitDivisor = 1.0
  /// Scores of attention s become cap·tanh(s/cap).
  public var attentionCap: Double?
  /// Logits z become cap·tanh(z/cap).
  public var logitCap: Double?
  /// Whether attention and feed-forward layer read the same state.
  public var isParallel = false
  /// Whether every head of queries and keys has a norm of its own.
  public var hasHeadNorms = false
  /// Norms of a block whose attention and feed-forward layer read the same state.
  public var parallelNormCount = 1
  /// Whether queries, keys and values of a Falcon model are in groups, as ``keyValueHeadCount`` says.
  public var isGrouped = true
  /// Whether a Falcon model without groups has one key-value head.
  public var isMultiQuery = true
  /// Experts of a block; 0 for none.
  public var expertCount = 0
  /// Every so many blocks one with experts, the last of them.
  public var expertInterval = 1
  /// Blocks without experts all the same, from 0.
  public var denseLayers: [Int] = []
  /// Experts that a token goes to.
  public var expertUsedCount = 0
  /// Columns of an expert's last product.
  public var expertSize = 0
  /// The same of the expert that all tokens go to; 0 for none.
  public var sharedExpertSize = 0
  /// Whether the weights of a token's experts add up to 1.
  public var normalizesExperts = false
  /// Rows of learned positions before that of the first token.
  public var positionOffset = 0
  /// Rows of embeddings for distances of one sign that share them; nil where every distance has its own.
  public var positionBuckets: Int?
  /// Distances that are told apart; nil for ``contextLength``.
  public var relativeReach: Int?
  /// The images that the model reads in the place of tokens; ``imageShape`` says whether it does.
  var images = ImageShape()
  /// Kinds of texts that have embeddings of their own; 0 for none.
  public var tokenTypeCount = 0
  /// Whether there is the dense layer that an encoder's head for classes reads through, also where that head is missing.
  public var hasPooler = false
  /// The token that fills up shorter texts, which the last one of a text is not; nil where none is known.
  public var paddingToken: Int32?
  /// The head that answers with a class or a number; nil for a model of language, and for one without any head.
  public var classHead: ClassHead?
  /// The classes that the model's files name, whether it has a head for them or not; nil where they say nothing.
  public var statedLabels: [String]?

  /// A configuration from its fields; nothing is checked here.
  public init(
    architecture: String, hiddenSize: Int, layerCount: Int, headCount: Int,
    keyValueHeadCount: Int, headDimension: Int, feedForwardSize: Int, vocabularySize: Int,
    contextLength: Int, ropeTheta: Double, normEpsilon: Double, hasTiedEmbeddings: Bool,
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
    self.normEpsilon = normEpsilon
    self.hasTiedEmbeddings = hasTiedEmbeddings
    self.rotaryScaling = rotaryScaling
    self.biases = biases
    self.slidingWindow = slidingWindow
    self.doubtfulWindow = doubtfulWindow
  }

  /// Nothing read yet.
  init(of family: Family) {
    self.init(
      architecture: family.architecture, hiddenSize: 0, layerCount: 0, headCount: 0,
      keyValueHeadCount: 0, headDimension: 0, feedForwardSize: 0, vocabularySize: 0,
      contextLength: 0, ropeTheta: 10_000, normEpsilon: 0, hasTiedEmbeddings: false,
      biases: family.biases)
  }

  /// The longest text that is computed as the model defines it, at most ``contextLength``.
  public var exactLength: Int {
    min(contextLength, rotaryScaling.exactLength ?? .max, doubtfulWindow ?? .max)
  }

  /// What makes ``exactLength`` shorter than the context, in words.
  public var lengthLimit: String {
    exactLength == doubtfulWindow ? "sliding_window" : "RoPE scaling"
  }

  /// All of it in words, the same in every process: what digests of models are made of.
  public var text: String {
    var shape = self
    // A set comes in an order of its own in every process.
    shape.biases = []
    return "\(shape) \(biases.map { "\($0)" }.sorted())"
  }

  /// Columns of the attention's output.
  public var queryWidth: Int { headCount * headDimension }
  /// Columns of all keys, or all values.
  public var keyValueWidth: Int { keyValueHeadCount * headDimension }
}
