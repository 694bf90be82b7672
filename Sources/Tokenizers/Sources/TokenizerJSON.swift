internal import Faults
internal import Files
internal import JSON

/// Reads `tokenizer.json` (`formats/tokenizers.md` §2).
///
/// Every component is either one that this version computes exactly or is refused by name.
struct TokenizerJSON {
  let root: JSONField
  private static let byteLimit = 256 << 20
  /// Steps of one kind that a file may have.
  private static let stepLimit = 64

  init(_ path: String) throws(Fault) {
    let bytes = try InputFile(path).readAll(limit: Self.byteLimit)
    let value = try JSONValue.parse(bytes)
    guard value.objectValue != nil else {
      throw Fault(.badData, "TK-JSON", "expected an object, found \(value.kindName)")
    }
    root = JSONField(value, code: "TK-JSON")
  }

  /// The tokenizer.
  ///
  /// - Throws: 69 `TK-UNSUPPORTED` or `TK-PRE` naming a component, 65 `TK-JSON` for a damaged field.
  func description() throws(Fault) -> TokenizerDescription {
    let added = try readAdded()
    let splitter = try readSplitter()
    let model = try readModel(splitter, added)
    var description = TokenizerDescription(
      tokens: model.tokens, added: added.map(\.token), normalizers: try readNormalizers(),
      splitter: splitter, model: model.model)
    description.template = try readTemplate()
    if let id = description.template.largestID, Int(id) >= description.tokens.count {
      throw Fault(.badData, "TK-JSON", "post_processor names the id \(id), which no token has")
    }
    description.decoder = try readDecoder(description)
    description.beginOfSequence = description.template.prefix.first
    description.endOfSequence = description.template.suffix.last
    return description
  }

  // MARK: - Added tokens

  /// The added tokens in the order in which they are looked for: of two with one text the special one counts.
  private func readAdded() throws(Fault) -> [(token: AddedToken, isSpecial: Bool)] {
    let field = root["added_tokens"]
    guard field.isPresent else { return [] }
    var result: [(token: AddedToken, isSpecial: Bool)] = []
    for entry in try field.array() {
      func flag(_ name: String, _ usual: Bool) throws(Fault) -> Bool {
        try entry[name].isPresent ? entry[name].bool() : usual
      }
      let isSpecial = try flag("special", false)
      let token = AddedToken(
        id: Int32(try entry["id"].int(in: 0...Int(Int32.max))),
        content: Array(try entry["content"].string().utf8),
        isNormalized: try flag("normalized", !isSpecial),
        isSingleWord: try flag("single_word", false), stripsLeft: try flag("lstrip", false),
        stripsRight: try flag("rstrip", false))
      result.append((token, isSpecial))
    }
    return result.filter(\.isSpecial) + result.filter { !$0.isSpecial }
  }

  // MARK: - Steps

  /// One component, or those of a `Sequence` under `key`; none for null.
  func steps(_ field: JSONField, _ key: String) throws(Fault) -> [JSONField] {
    guard field.isPresent else { return [] }
    guard try Self.type(field) == "Sequence" else { return [field] }
    var result: [JSONField] = []
    for step in try field[key].array() {
      result += try steps(step, key)
      guard result.count <= Self.stepLimit else {
        throw field.fault("more than \(Self.stepLimit) steps", .unsupported)
      }
    }
    return result
  }

  static func type(_ field: JSONField) throws(Fault) -> String { try field["type"].string() }

  static func unsupported(_ what: String, _ field: JSONField, code: String = "TK-UNSUPPORTED")
    throws(Fault) -> Fault
  {
    let type = Fault.escaped(try Self.type(field), limit: 64, isName: true)
    return Fault(.unsupported, code, "\(what) \"\(type)\" is not supported")
  }

  /// A truth value, or the usual one where it is missing.
  static func flag(_ field: JSONField, _ usual: Bool) throws(Fault) -> Bool {
    try field.isPresent ? field.bool() : usual
  }

  /// The one character of a text.
  static func character(_ field: JSONField, _ usual: UInt32? = nil) throws(Fault) -> UInt32 {
    if let usual, !field.isPresent { return usual }
    let scalars = try field.string().unicodeScalars
    guard let first = scalars.first, scalars.count == 1 else {
      throw field.fault("expected one character, found \(scalars.count)")
    }
    return first.value
  }

  /// `{"String": …}` or `{"Regex": …}`.
  static func pattern(_ field: JSONField) throws(Fault) -> SplitPattern {
    if field["String"].isPresent { return SplitPattern(literal: try field["String"].string()) }
    return try SplitPattern(expression: try field["Regex"].string())
  }

  // MARK: - Post-processor

  private func readTemplate() throws(Fault) -> Template {
    var result: Template?
    for step in try steps(root["post_processor"], "processors") {
      let found: Template
      switch try Self.type(step) {
      // Only moves offsets.
      case "ByteLevel": continue
      case "TemplateProcessing":
        found = Template(
          single: try parts(step["single"], step, mayPair: false),
          pair: try parts(step["pair"], step, mayPair: true))
      case "BertProcessing":
        found = .bert(begin: try tokenID(step["cls"]), separator: try tokenID(step["sep"]))
      case "RobertaProcessing":
        found = .roberta(begin: try tokenID(step["cls"]), separator: try tokenID(step["sep"]))
      default: throw try Self.unsupported("post_processor", step)
      }
      guard result == nil else {
        throw Fault(.unsupported, "TK-UNSUPPORTED", "two templates, one around the other")
      }
      result = found
    }
    return result ?? .none
  }

  /// `["[SEP]", 102]`.
  private func tokenID(_ field: JSONField) throws(Fault) -> Int32 {
    let parts = try field.array()
    guard parts.count == 2 else { throw field.fault("expected a token and its id") }
    return Int32(try parts[1].int(in: 0...Int(Int32.max)))
  }

  private func parts(
    _ field: JSONField, _ template: JSONField, mayPair: Bool
  ) throws(Fault) -> [Template.Part] {
    var result: [Template.Part] = []
    var texts = (first: 0, second: 0)
    // Files of single texts may lack the other form.
    guard field.isPresent || !mayPair else { return Template.none.pair }
    for piece in try field.array() {
      if piece["Sequence"].isPresent {
        let sequence = piece["Sequence"]
        let isSecond = try sequence["id"].string() == "B"
        if isSecond { texts.second += 1 } else { texts.first += 1 }
        result.append(.text(isSecond: isSecond, type: try type(of: sequence)))
        continue
      }
      let token = piece["SpecialToken"]
      let name = try token["id"].string()
      var ids: [Int32] = []
      for id in try template["special_tokens"][name]["ids"].array() {
        ids.append(Int32(try id.int(in: 0...Int(Int32.max))))
      }
      result.append(.tokens(ids, type: try type(of: token)))
    }
    guard texts == (1, mayPair ? 1 : 0) else {
      throw Fault(
        .unsupported, "TK-UNSUPPORTED", "a template that repeats a text or leaves it out")
    }
    return result
  }

  private func type(of piece: JSONField) throws(Fault) -> Int32 {
    guard piece["type_id"].isPresent else { return 0 }
    return Int32(try piece["type_id"].int(in: 0...Int(Int32.max)))
  }

  // MARK: - Decoder

  private func readDecoder(_ tokenizer: TokenizerDescription) throws(Fault) -> TokenDecoder {
    let steps = try steps(root["decoder"], "decoders")
    let isByteLevel = tokenizer.splitter.contains(where: \.isByteLevel)
    var types: [String] = []
    for step in steps { types.append(try Self.type(step)) }
    if isByteLevel {
      for (step, type) in zip(steps, types) where type != "ByteLevel" {
        throw try Self.unsupported("with bytes as text the decoder", step)
      }
      return .byteLevel
    }
    if steps.count == 1 {
      switch types[0] {
      case "WordPiece":
        let prefix = steps[0]["prefix"]
        return .wordPiece(
          prefix: Array(try prefix.isPresent ? prefix.string().utf8 : "##".utf8),
          cleansUp: try Self.flag(steps[0]["cleanup"], true))
      case "BPEDecoder":
        let suffix = steps[0]["suffix"]
        return .suffixed(Array(try suffix.isPresent ? suffix.string().utf8 : "</w>".utf8))
      default: break
      }
    }
    return try readSpacedDecoder(steps, types, tokenizer)
  }

  /// `Replace` of another character by spaces, `ByteFallback`, `Fuse`, `Strip`, and `Metaspace`, which undo what is
  /// done here to the text.
  private func readSpacedDecoder(
    _ steps: [JSONField], _ types: [String], _ tokenizer: TokenizerDescription
  ) throws(Fault) -> TokenDecoder {
    var space = SentencePieceRules.space
    var strips = false
    var isPlain = !steps.isEmpty
    for (step, type) in zip(steps, types) {
      switch type {
      case "Fuse": continue
      case "Strip": strips = try step["start"].int() > 0
      case "ByteFallback": break
      case "Replace":
        guard try step["content"].string() == " ", step["pattern"]["String"].isPresent else {
          throw try Self.unsupported("this decoder", step)
        }
        space = Array(try step["pattern"]["String"].string().utf8)
      case "Metaspace":
        let mark = try Self.character(step["replacement"], 0x2581)
        space = Array(String(Unicode.Scalar(mark) ?? " ").utf8)
        strips = try Self.scheme(step) != .never
      default: throw try Self.unsupported("decoder", step)
      }
      isPlain = false
    }
    if isPlain || steps.isEmpty && !tokenizer.splitter.contains(where: \.isMetaspace) {
      return .plain
    }
    guard strips else { return .spaced(space: space, .never) }
    let putsOnce = tokenizer.splitter.contains {
      if case .metaspace(_, .first, _) = $0 { true } else { false }
    }
    return .spaced(space: space, putsOnce ? .ofText : .ofEveryPiece)
  }

  /// When `Metaspace` puts its character in front; older files say so in other words.
  static func scheme(_ step: JSONField) throws(Fault) -> SplitStep.MetaspaceScheme {
    let field = step["prepend_scheme"]
    guard field.isPresent else {
      return try flag(step["add_prefix_space"], true) ? .always : .never
    }
    guard let scheme = SplitStep.MetaspaceScheme(rawValue: try field.string()) else {
      throw field.fault("expected always, first or never")
    }
    return scheme
  }
}

extension SplitStep {
  var isByteLevel: Bool { if case .byteLevel = self { true } else { false } }
  var isMetaspace: Bool { if case .metaspace = self { true } else { false } }
}
