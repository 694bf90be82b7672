public import Checkpoints
public import Faults
public import JSON

/// A byte-level vocabulary as the files that Transformers loads (`formats/tokenizers.md` §12).
public struct HuggingFaceTokenizer: Sendable {
  /// `tokenizer.json`.
  public let tokenizer: JSONValue
  /// `tokenizer_config.json`.
  public let configuration: JSONValue

  /// The kind of tokens in GGUF that are cut out of text and not special.
  private static let userDefined: Int32 = 4

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
    let description = try vocabulary.description()
    // What must be read again must be sound.
    let tokenizer = try Tokenizer(description)
    let tokens = try vocabulary.tokens.enumerated().map { (id, token) throws(Fault) in
      guard let text = String(validating: token, as: UTF8.self) else {
        throw Fault(.unsupported, "TK-UNSUPPORTED", "token \(id) is not UTF-8")
      }
      return text
    }
    guard case .bytePair(let options, let merges) = description.model, options.isByteLevel else {
      throw Fault(
        .unsupported, "TK-UNSUPPORTED",
        "a vocabulary of the model \"\(Fault.escaped(vocabulary.model, limit: 64))\" is not written as "
          + "tokenizer.json")
    }
    let added = description.added.map { Self.added($0, tokens, vocabulary.tokenTypes) }
    let normalizes = !description.normalizers.isEmpty
    self.tokenizer = .object([
      "version": "1.0", "truncation": nil, "padding": nil, "added_tokens": .array(added),
      "normalizer": normalizes ? ["type": "NFC"] : nil,
      "pre_tokenizer": Self.splitting(description.splitter),
      "post_processor": Self.template(description.template, tokenizer, tokens),
      "decoder": [
        "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true,
      ],
      "model": .object([
        "type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil,
        "end_of_word_suffix": nil, "fuse_unk": false, "byte_fallback": false,
        "ignore_merges": .bool(options.takesWholeWords),
        // Added tokens too: readers number those that are not here anew.
        "vocab": .object(JSONObject(tokens.enumerated().map { ($1, .integer($0)) })),
        "merges": .array(Self.merges(merges)),
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

  private static func added(
    _ token: AddedToken, _ tokens: [String], _ types: [Int32]
  ) -> JSONValue {
    let id = Int(token.id)
    return [
      "id": .integer(id), "content": .string(tokens[id]), "single_word": false,
      "lstrip": .bool(token.stripsLeft), "rstrip": .bool(token.stripsRight), "normalized": false,
      "special": .bool(types[id] != userDefined),
    ]
  }

  /// `left right`, which every release of the library reads, or pairs where a part has a space.
  private static func merges(_ merges: [(left: [UInt8], right: [UInt8])]) -> [JSONValue] {
    // Both are tokens, which are UTF-8.
    let pairs = merges.map {
      (String(decoding: $0.left, as: UTF8.self), String(decoding: $0.right, as: UTF8.self))
    }
    let hasSpaces = pairs.contains { $0.0.contains(" ") || $0.1.contains(" ") }
    return pairs.map { left, right in
      hasSpaces ? [.string(left), .string(right)] : .string("\(left) \(right)")
    }
  }

  /// What is put around a text; null where nothing is.
  private static func template(
    _ template: Template, _ tokenizer: Tokenizer, _ tokens: [String]
  ) -> JSONValue {
    // Around an empty text there is nothing else.
    let ids = tokenizer.encode("", addSpecial: true).map(Int.init)
    guard !ids.isEmpty else { return nil }
    let split = tokenizer.addsBeginOfSequence ? 1 : 0
    func piece(_ id: Int, _ type: Int) -> JSONValue {
      ["SpecialToken": ["id": .string(tokens[id]), "type_id": .integer(type)]]
    }
    func sequence(_ name: String, _ type: Int) -> JSONValue {
      ["Sequence": ["id": .string(name), "type_id": .integer(type)]]
    }
    func text(_ name: String, _ type: Int) -> [JSONValue] {
      ids[..<split].map { piece($0, type) } + [sequence(name, type)]
        + ids[split...].map { piece($0, type) }
    }
    func pieces(_ part: Template.Part) -> [JSONValue] {
      switch part {
      case .tokens(let ids, let type): ids.map { piece(Int($0), Int(type)) }
      case .text(let isSecond, let type): [sequence(isSecond ? "B" : "A", Int(type))]
      }
    }
    let pair =
      template.separatesTexts ? template.pair.flatMap(pieces) : text("A", 0) + text("B", 1)
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
      "pair": .array(pair), "special_tokens": .object(JSONObject(special)),
    ]
  }
}

extension HuggingFaceTokenizer {
  /// The steps as `tokenizer.json` has them; byte-level vocabularies have no others.
  private static func splitting(_ steps: [SplitStep]) -> JSONValue {
    let written: [JSONValue] = steps.compactMap { step in
      switch step {
      case .byteLevel(let addsPrefixSpace, let usesPattern):
        [
          "type": "ByteLevel", "add_prefix_space": .bool(addsPrefixSpace), "trim_offsets": true,
          "use_regex": .bool(usesPattern),
        ]
      case .characters(.number, let behavior):
        ["type": "Digits", "individual_digits": .bool(behavior == .isolated)]
      case .characters(.punctuation, let behavior):
        ["type": "Punctuation", "behavior": .string(behavior.rawValue)]
      case .pattern(let pattern, let behavior, let isInverted):
        [
          "type": "Split",
          "pattern": [pattern.isLiteral ? "String" : "Regex": .string(pattern.text)],
          "behavior": .string(behavior.rawValue), "invert": .bool(isInverted),
        ]
      case .characters, .words, .metaspace: nil
      }
    }
    return written.count == 1
      ? written[0] : ["type": "Sequence", "pretokenizers": .array(written)]
  }
}
