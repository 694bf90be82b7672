internal import Faults
internal import JSON

/// `tokenizer.json` of models whose tokenizer was SentencePiece (`formats/tokenizers.md` §9.2).
extension TokenizerJSON {
  /// The parts of a model with `byte_fallback`.
  ///
  /// - Throws: 69 `TK-UNSUPPORTED` naming a component, 65 `TK-JSON` for a damaged field.
  func sentencePiece(
    _ model: JSONField, _ added: [TokenizerParts.Added]
  ) throws(Fault) -> TokenizerParts {
    let tokens = try readVocabulary(model["vocab"], added)
    let (prefix, suffix) = try readPostProcessor()
    try checkDecoder()
    var options = try sentencePieceSpaces()
    options.fusesUnknown = model["fuse_unk"].value?.boolValue ?? false
    options.takesWholeWords = model["ignore_merges"].value?.boolValue ?? false
    if let name = model["unk_token"].value?.stringValue {
      options.unknown = tokens.firstIndex { $0 == Array(name.utf8) }.flatMap {
        Int32(exactly: $0)
      }
    }
    var parts = TokenizerParts(
      tokens: tokens, merges: try readMerges(model["merges"]), added: added, preTokenizer: nil,
      takesWholeWords: false, normalizesToNFC: false, sentencePiece: options)
    parts.prefix = prefix
    parts.suffix = suffix
    parts.beginOfSequence = prefix.first
    parts.endOfSequence = suffix.last
    return parts
  }

  /// How spaces are written: by the normalizer, or by the pre-tokenizer `Metaspace`.
  private func sentencePieceSpaces() throws(Fault) -> TokenizerParts.SentencePieceOptions {
    var (prepends, replaces) = (false, false)
    for step in Self.steps(root["normalizer"], "normalizers") {
      switch step["type"]?.stringValue {
      case "Prepend" where step["prepend"]?.stringValue == "\u{2581}" && !replaces:
        prepends = true
      case "Replace"
      where step["pattern"]?["String"]?.stringValue == " "
        && step["content"]?.stringValue == "\u{2581}":
        replaces = true
      default:
        throw Self.unsupported("normalizer \(Self.typeName(step)) of a model with byte_fallback")
      }
    }
    guard let metaspace = root["pre_tokenizer"], !metaspace.isNull else {
      guard replaces else {
        throw Self.unsupported("byte_fallback without a normalizer or pre_tokenizer for spaces")
      }
      return TokenizerParts.SentencePieceOptions(
        prefix: prepends ? .prepended : .none, normalizes: true)
    }
    guard metaspace["type"]?.stringValue == "Metaspace", !prepends, !replaces,
      metaspace["replacement"]?.stringValue ?? "\u{2581}" == "\u{2581}"
    else {
      throw Self.unsupported(
        "pre_tokenizer \(Self.typeName(metaspace)) of a model with byte_fallback")
    }
    let older = metaspace["add_prefix_space"]?.boolValue ?? true ? "always" : "never"
    let scheme = metaspace["prepend_scheme"]?.stringValue ?? older
    let prefixes: [String: SentencePiece.Prefix] = [
      "always": .everyPiece, "first": .firstPiece, "never": .none,
    ]
    guard let prefix = prefixes[scheme] else {
      throw Self.unsupported("prepend_scheme \"\(scheme)\"")
    }
    return TokenizerParts.SentencePieceOptions(
      prefix: prefix, normalizes: false, splitsWords: metaspace["split"]?.boolValue ?? true)
  }

  /// The decoders of such models only undo what is done here.
  private func checkDecoder() throws(Fault) {
    let known = ["Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"]
    for step in Self.steps(root["decoder"], "decoders")
    where !known.contains(step["type"]?.stringValue ?? "") {
      throw Self.unsupported("decoder \(Self.typeName(step)) of a model with byte_fallback")
    }
  }

  /// One component, or those of a `Sequence`; none for null.
  private static func steps(_ value: JSONValue?, _ key: String) -> [JSONValue] {
    guard let value, !value.isNull else { return [] }
    return value["type"]?.stringValue == "Sequence" ? value[key]?.arrayValue ?? [] : [value]
  }
}
