public import Checkpoints
public import Faults
public import JSON

/// A byte-level vocabulary as the files that Transformers loads (`formats/tokenizers.md` §10).
public struct HuggingFaceTokenizer: Sendable {
  /// `tokenizer.json`.
  public let tokenizer: JSONValue
  /// `tokenizer_config.json`.
  public let configuration: JSONValue

  /// Kinds of tokens in GGUF that are cut out of text.
  private enum Kind { static let unknown: Int32 = 2, control: Int32 = 3, userDefined: Int32 = 4 }

  /// The files of `vocabulary`.
  ///
  /// - Parameters:
  ///   - roles: Names of special tokens in `tokenizer_config.json`, such as `pad_token`, beside those of the
  ///     vocabulary, with their ids; ids outside the vocabulary are passed over.
  ///   - chatTemplate: Its text, which nothing here runs.
  ///   - contextLength: Positions of the model.
  /// - Throws: as ``Tokenizer/init(vocabulary:)``; 69 `TK-UNSUPPORTED` for a token that is not UTF-8, which JSON
  ///   cannot hold, or a vocabulary that is not byte-level.
  public init(
    _ vocabulary: TokenizerVocabulary, roles: [(name: String, id: Int)] = [],
    chatTemplate: String? = nil, contextLength: Int
  ) throws(Fault) {
    let rule = try Tokenizer(vocabulary: vocabulary)
    let tokens = try vocabulary.tokens.enumerated().map { (id, token) throws(Fault) in
      guard let text = String(validating: token, as: UTF8.self) else {
        throw Fault(.unsupported, "TK-UNSUPPORTED", "token \(id) is not UTF-8")
      }
      return text
    }
    guard let splitting = rule.preTokenizer?.json else {
      throw Fault(
        .unsupported, "TK-UNSUPPORTED",
        "a SentencePiece vocabulary is not written as tokenizer.json")
    }
    let named = try PreTokenizerName(vocabulary.preTokenizer)
    let added = zip(vocabulary.tokenTypes, tokens).enumerated().compactMap { id, token in
      Self.added(id, token.1, type: token.0)
    }
    tokenizer = .object([
      "version": "1.0", "truncation": nil, "padding": nil, "added_tokens": .array(added),
      "normalizer": named.normalizesToNFC ? ["type": "NFC"] : nil,
      "pre_tokenizer": splitting, "post_processor": Self.template(rule, tokens),
      "decoder": [
        "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true,
      ],
      "model": .object([
        "type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil,
        "end_of_word_suffix": nil, "fuse_unk": false, "byte_fallback": false,
        "ignore_merges": .bool(named.takesWholeWords),
        // Added tokens too: readers number those that are not here anew.
        "vocab": .object(JSONObject(tokens.enumerated().map { ($1, .integer($0)) })),
        "merges": .array(try Self.merges(vocabulary)),
      ]),
    ])
    var settings = JSONObject([
      ("tokenizer_class", "PreTrainedTokenizerFast"), ("clean_up_tokenization_spaces", false),
      ("model_max_length", .integer(contextLength)),
    ])
    let own = [
      ("bos_token", vocabulary.beginOfSequence), ("eos_token", vocabulary.endOfSequence),
    ]
    let all = own.compactMap { role in role.1.map { (name: role.0, id: Int($0)) } } + roles
    for role in all where tokens.indices.contains(role.id) {
      settings[role.name] = .string(tokens[role.id])
    }
    if let chatTemplate { settings["chat_template"] = .string(chatTemplate) }
    configuration = .object(settings)
  }

  private static func added(_ id: Int, _ text: String, type: Int32) -> JSONValue? {
    guard (Kind.unknown...Kind.userDefined).contains(type) else { return nil }
    return [
      "id": .integer(id), "content": .string(text), "single_word": false, "lstrip": false,
      "rstrip": false, "normalized": false, "special": .bool(type != Kind.userDefined),
    ]
  }

  /// `left right`, which every release of the library reads, or pairs where a part has a space.
  private static func merges(_ vocabulary: TokenizerVocabulary) throws(Fault) -> [JSONValue] {
    var pairs: [(left: String, right: String)] = []
    for (index, line) in vocabulary.merges.enumerated() {
      let (left, right) = try MergeLine.split(line, index: index)
      // Both are tokens, which are UTF-8.
      pairs.append((String(decoding: left, as: UTF8.self), String(decoding: right, as: UTF8.self)))
    }
    let hasSpaces = pairs.contains { $0.left.contains(" ") || $0.right.contains(" ") }
    return pairs.map { pair in
      hasSpaces
        ? [.string(pair.left), .string(pair.right)] : .string("\(pair.left) \(pair.right)")
    }
  }

  /// What is put around a text; null where nothing is.
  private static func template(_ tokenizer: Tokenizer, _ tokens: [String]) -> JSONValue {
    // Around an empty text there is nothing else.
    let ids = tokenizer.encode("", addSpecial: true).map(Int.init)
    guard !ids.isEmpty else { return nil }
    let split = tokenizer.addsBeginOfSequence ? 1 : 0
    func piece(_ id: Int, _ type: Int) -> JSONValue {
      ["SpecialToken": ["id": .string(tokens[id]), "type_id": .integer(type)]]
    }
    func text(_ name: String, _ type: Int) -> [JSONValue] {
      let sequence: JSONValue = ["Sequence": ["id": .string(name), "type_id": .integer(type)]]
      return ids[..<split].map { piece($0, type) } + [sequence]
        + ids[split...].map { piece($0, type) }
    }
    let special = Set(ids).sorted().map { id in
      (
        tokens[id],
        [
          "id": .string(tokens[id]), "ids": [.integer(id)], "tokens": [.string(tokens[id])],
        ] as JSONValue
      )
    }
    return [
      "type": "TemplateProcessing", "single": .array(text("A", 0)),
      "pair": .array(text("A", 0) + text("B", 1)), "special_tokens": .object(JSONObject(special)),
    ]
  }
}

extension PreTokenizer {
  /// The rule as `tokenizer.json` has it.
  fileprivate var json: JSONValue {
    func bytes(isSplitting: Bool) -> JSONValue {
      [
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
        "use_regex": .bool(isSplitting),
      ]
    }
    func sequence(_ steps: [JSONValue]) -> JSONValue {
      ["type": "Sequence", "pretokenizers": .array(steps)]
    }
    func pattern(_ text: String) -> JSONValue {
      let split: JSONValue = [
        "type": "Split", "pattern": ["Regex": .string(text)], "behavior": "Isolated",
        "invert": false,
      ]
      return sequence([split, bytes(isSplitting: false)])
    }
    switch self {
    case .gpt2: return bytes(isSplitting: true)
    case .smollm:
      let digits: JSONValue = ["type": "Digits", "individual_digits": true]
      return sequence([digits, bytes(isSplitting: true)])
    case .llamaBPE: return pattern(Self.llamaPattern)
    case .qwen2: return pattern(Self.qwenPattern)
    case .tekken: return pattern(Self.tekkenPattern)
    case .gpt4o: return pattern(Self.gpt4oPattern)
    }
  }
}
