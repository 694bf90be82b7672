internal import Faults
internal import Files
internal import JSON

/// Reads `tokenizer.json` (`formats/tokenizers.md` §6).
///
/// Every component is either one that this version computes exactly or is refused by name.
struct TokenizerJSON {
  let root: JSONValue
  private static let byteLimit = 256 << 20

  init(_ path: String) throws(Fault) {
    let bytes = try InputFile(path).readAll(limit: Self.byteLimit)
    root = try JSONValue.parse(bytes)
    guard root.objectValue != nil else {
      throw Fault(.badData, "TK-JSON", "expected an object, found \(root.kindName)")
    }
  }

  /// The parts of the tokenizer.
  ///
  /// - Throws: 69 `TK-UNSUPPORTED` naming a component, 65 `TK-JSON` for a damaged field.
  func parts() throws(Fault) -> TokenizerParts {
    let model = JSONField(root, code: "TK-JSON")["model"]
    try checkModel(model)
    let added = try readAdded()
    if model["byte_fallback"].value == true { return try sentencePiece(model, added) }
    let rule = try PreTokenizerDetection.rule(of: root["pre_tokenizer"] ?? .null)
    let (prefix, suffix) = try readPostProcessor()
    try refuseUnless(root["decoder"], isType: "ByteLevel", "decoder")
    var parts = TokenizerParts(
      tokens: try readVocabulary(model["vocab"], added), merges: try readMerges(model["merges"]),
      added: added, preTokenizer: rule,
      takesWholeWords: model["ignore_merges"].value?.boolValue ?? false,
      normalizesToNFC: try readNormalizer())
    parts.prefix = prefix
    parts.suffix = suffix
    parts.beginOfSequence = prefix.first
    parts.endOfSequence = suffix.last
    return parts
  }

  // MARK: - Model

  private func checkModel(_ model: JSONField) throws(Fault) {
    let type = try model["type"].isPresent ? model["type"].string() : "BPE"
    guard type == "BPE" else { throw Self.unsupported("model.type \"\(type)\"") }
    let neutral: [(String, JSONValue)] = [
      ("dropout", 0), ("continuing_subword_prefix", ""), ("end_of_word_suffix", ""),
    ]
    for (key, value) in neutral where model[key].isPresent {
      guard let found = model[key].value, found != value else { continue }
      if let number = found.doubleValue, number == value.doubleValue { continue }
      throw Self.unsupported("model.\(key)")
    }
  }

  /// Vocabulary strings by id, added tokens included.
  func readVocabulary(
    _ field: JSONField, _ added: [TokenizerParts.Added]
  ) throws(Fault) -> [[UInt8]?] {
    let members = try field.object().members
    // Ids may have holes, but not more than a table of this size; nothing is allocated from them.
    let limit = 2 * (members.count + added.count) + 1024
    var tokens: [[UInt8]?] = []
    func place(_ content: [UInt8], _ id: Int) throws(Fault) {
      guard id >= 0, id < limit else {
        throw Fault(.badData, "TK-JSON", "token id \(id) among \(members.count) tokens")
      }
      while tokens.count <= id { tokens.append(nil) }
      if let present = tokens[id], present != content {
        throw Fault(.badData, "TK-DUP", "two tokens have the id \(id)")
      }
      tokens[id] = content
    }
    for member in members {
      guard let id = member.value.intValue else {
        throw Fault(.badData, "TK-JSON", "the id of token \"\(member.key)\" is not an integer")
      }
      try place(Array(member.key.utf8), id)
    }
    for token in added { try place(token.content, Int(token.id)) }
    return tokens
  }

  /// Merges as `"a b"` or `["a", "b"]`.
  func readMerges(
    _ field: JSONField
  ) throws(Fault) -> [(left: [UInt8], right: [UInt8])] {
    guard let list = field.value?.arrayValue else { throw field.fault("expected an array") }
    var result: [(left: [UInt8], right: [UInt8])] = []
    result.reserveCapacity(list.count)
    for (index, item) in list.enumerated() {
      if let pair = item.arrayValue, pair.count == 2, let left = pair[0].stringValue,
        let right = pair[1].stringValue
      {
        result.append((Array(left.utf8), Array(right.utf8)))
      } else if let line = item.stringValue {
        result.append(try MergeLine.split(Array(line.utf8), index: index))
      } else {
        throw Fault(.badData, "TK-JSON", "merge \(index) is neither a string nor a pair")
      }
    }
    return result
  }

  // MARK: - Added tokens

  private func readAdded() throws(Fault) -> [TokenizerParts.Added] {
    let field = JSONField(root, code: "TK-JSON")["added_tokens"]
    guard field.isPresent else { return [] }
    var result: [TokenizerParts.Added] = []
    for entry in try field.array() {
      let content = try entry["content"].string()
      for flag in ["single_word", "lstrip", "rstrip"] where entry[flag].isPresent {
        guard try !entry[flag].bool() else {
          throw Self.unsupported("added token \"\(content)\" with \(flag)")
        }
      }
      let id = try entry["id"].int(in: 0...Int(Int32.max))
      let isSpecial = try entry["special"].isPresent ? entry["special"].bool() : false
      let isNormalized = try entry["normalized"].isPresent ? entry["normalized"].bool() : !isSpecial
      result.append(
        .init(id: Int32(id), content: Array(content.utf8), isNormalized: isNormalized))
    }
    return result
  }

  // MARK: - Normalizer and post-processor

  /// Whether text is normalised to NFC.
  private func readNormalizer() throws(Fault) -> Bool {
    guard let normalizer = root["normalizer"], !normalizer.isNull else { return false }
    var steps = [normalizer]
    if normalizer["type"]?.stringValue == "Sequence" {
      steps = normalizer["normalizers"]?.arrayValue ?? []
    }
    for step in steps where step["type"]?.stringValue != "NFC" {
      throw Self.unsupported("normalizer \(Self.typeName(step))")
    }
    return !steps.isEmpty
  }

  /// The ids that are put before and after a text.
  func readPostProcessor() throws(Fault) -> ([Int32], [Int32]) {
    guard let processor = root["post_processor"], !processor.isNull else { return ([], []) }
    var steps = [processor]
    if processor["type"]?.stringValue == "Sequence" {
      steps = processor["processors"]?.arrayValue ?? []
    }
    var result: ([Int32], [Int32]) = ([], [])
    for step in steps {
      switch step["type"]?.stringValue {
      // Only moves offsets.
      case "ByteLevel": continue
      case "TemplateProcessing": result = try readTemplate(JSONField(step, code: "TK-JSON"))
      default: throw Self.unsupported("post_processor \(Self.typeName(step))")
      }
    }
    return result
  }

  private func readTemplate(_ template: JSONField) throws(Fault) -> ([Int32], [Int32]) {
    var before: [Int32] = []
    var after: [Int32] = []
    var hasText = false
    for piece in try template["single"].array() {
      if piece["Sequence"].isPresent {
        guard !hasText else { throw Self.unsupported("a template that repeats the text") }
        hasText = true
        continue
      }
      let name = try piece["SpecialToken"]["id"].string()
      for id in try template["special_tokens"][name]["ids"].array() {
        let value = Int32(try id.int(in: 0...Int(Int32.max)))
        if hasText { after.append(value) } else { before.append(value) }
      }
    }
    return (before, after)
  }

  private func refuseUnless(
    _ value: JSONValue?, isType type: String, _ what: String
  ) throws(Fault) {
    guard let value, !value.isNull, value["type"]?.stringValue != type else { return }
    throw Self.unsupported("\(what) \(Self.typeName(value))")
  }

  // MARK: - Messages

  static func typeName(_ value: JSONValue) -> String {
    value["type"]?.stringValue.map { "\"\($0)\"" } ?? "without type"
  }

  static func unsupported(_ what: String) -> Fault {
    Fault(.unsupported, "TK-UNSUPPORTED", "\(what) is not supported")
  }
}
