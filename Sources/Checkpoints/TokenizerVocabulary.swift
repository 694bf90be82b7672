/// The `tokenizer.ggml.*` metadata of a GGUF file, as stored (`formats/gguf.md` §6).
///
/// Strings are bytes: two different tokens may be equal as Swift strings.
public struct TokenizerVocabulary: Sendable, Hashable {
  /// `tokenizer.ggml.model`, such as `gpt2`.
  public var model: String
  /// `tokenizer.ggml.pre`, the name of the splitting rule; nil where the file has none.
  public var preTokenizer: String?
  /// Token strings by id, in the byte-level alphabet where the model has one.
  public var tokens: [[UInt8]]
  /// Token types by id (1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte), or empty.
  public var tokenTypes: [Int32]
  /// Merge rules `left right`, best first.
  public var merges: [[UInt8]]
  /// Scores by id of a vocabulary without merges, or empty.
  public var scores: [Float]
  /// Id of the beginning-of-sequence token.
  public var beginOfSequence: Int32?
  /// Id of the end-of-sequence token.
  public var endOfSequence: Int32?
  /// The id of the token that ends a turn, which the model may write in the place of ``endOfSequence``.
  public var endOfTurn: Int32?
  /// `tokenizer.ggml.add_bos_token`; nil where the file has none.
  public var addsBeginOfSequence: Bool?
  /// `tokenizer.ggml.add_eos_token`; nil where the file has none.
  public var addsEndOfSequence: Bool?
  /// `tokenizer.ggml.add_sep_token`; nil where the file has none.
  public var addsSeparator: Bool?
  /// `tokenizer.ggml.add_space_prefix`; nil where the file has none.
  public var addsSpacePrefix: Bool?
  /// Id of the token for what no other token spells.
  public var unknown: Int32?
  /// Id of the token between and behind texts.
  public var separator: Int32?
  /// `tokenizer.ggml.precompiled_charsmap`: SentencePiece's table of replacements; empty where the file has none.
  public var characterMap: [UInt8] = []
  /// `tokenizer.ggml.remove_extra_whitespaces`; nil where the file has none.
  public var removesExtraSpaces: Bool?
  /// `tokenizer.ggml.normalizer.lowercase`; nil where the file has none.
  public var lowercases: Bool?
  /// `tokenizer.ggml.normalizer.strip_accents`; nil where the file has none.
  public var stripsAccents: Bool?
  /// `general.architecture`, by which something that the file does not say about some tokens is known.
  public var architecture: String?
  /// `general.name`, for the same.
  public var modelName: String?

  /// A vocabulary from its parts; nothing is checked here.
  public init(
    model: String, preTokenizer: String?, tokens: [[UInt8]], tokenTypes: [Int32] = [],
    merges: [[UInt8]], beginOfSequence: Int32? = nil, endOfSequence: Int32? = nil,
    addsBeginOfSequence: Bool? = nil, addsEndOfSequence: Bool? = nil, scores: [Float] = [],
    addsSpacePrefix: Bool? = nil, unknown: Int32? = nil
  ) {
    self.model = model
    self.preTokenizer = preTokenizer
    self.tokens = tokens
    self.tokenTypes = tokenTypes
    self.merges = merges
    self.beginOfSequence = beginOfSequence
    self.endOfSequence = endOfSequence
    self.addsBeginOfSequence = addsBeginOfSequence
    self.addsEndOfSequence = addsEndOfSequence
    self.scores = scores
    self.addsSpacePrefix = addsSpacePrefix
    self.unknown = unknown
  }
}
