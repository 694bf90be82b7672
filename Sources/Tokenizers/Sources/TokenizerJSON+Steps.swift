internal import Faults
internal import Foundation
internal import JSON

/// Normalizers and pre-tokenizers (`formats/tokenizers.md` §3, §4).
extension TokenizerJSON {
  func readNormalizers() throws(Fault) -> [Normalizer] {
    var result: [Normalizer] = []
    for step in try steps(root["normalizer"], "normalizers") {
      result.append(try Self.normalizer(step))
    }
    return result
  }

  private static func normalizer(_ step: JSONField) throws(Fault) -> Normalizer {
    let type = try Self.type(step)
    if let form = Normalizer.UnicodeForm(rawValue: type) { return .form(form) }
    switch type {
    case "Lowercase": return .lowercase
    case "StripAccents": return .stripAccents
    case "Nmt": return .nmt
    case "Strip":
      return .strip(
        left: try flag(step["strip_left"], true), right: try flag(step["strip_right"], true))
    case "Prepend": return .prepend(Array(try step["prepend"].string().utf8))
    case "Replace":
      return .replace(
        try pattern(step["pattern"]), with: Array(try step["content"].string().utf8))
    case "BertNormalizer":
      let lowercases = try flag(step["lowercase"], true)
      return .bert(
        .init(
          cleansText: try flag(step["clean_text"], true),
          spacesChinese: try flag(step["handle_chinese_chars"], true),
          stripsAccents: try flag(step["strip_accents"], lowercases), lowercases: lowercases))
    case "Precompiled":
      let field = step["precompiled_charsmap"]
      guard let data = Data(base64Encoded: try field.string()) else {
        throw field.fault("expected base64")
      }
      return .precompiled(try CharacterMap(Array(data)))
    default: throw try unsupported("normalizer", step)
    }
  }

  /// The steps that split text.
  ///
  /// - Throws: 69 `TK-PRE` naming one that is not supported.
  func readSplitter() throws(Fault) -> [SplitStep] {
    var result: [SplitStep] = []
    for step in try steps(root["pre_tokenizer"], "pretokenizers") {
      result += try Self.splitting(step)
    }
    guard result.count(where: \.isByteLevel) <= 1 else {
      throw Fault(.unsupported, "TK-PRE", "pre_tokenizer \"ByteLevel\" twice is not supported")
    }
    return result
  }

  private static func splitting(_ step: JSONField) throws(Fault) -> [SplitStep] {
    switch try type(step) {
    case "ByteLevel":
      return [
        .byteLevel(
          addsPrefixSpace: try flag(step["add_prefix_space"], true),
          usesPattern: try flag(step["use_regex"], true))
      ]
    case "Split":
      return [
        .pattern(
          try pattern(step["pattern"]), try behavior(step["behavior"], nil),
          isInverted: try flag(step["invert"], false))
      ]
    case "Digits":
      let isEachAlone = try flag(step["individual_digits"], false)
      return [.characters(.number, isEachAlone ? .isolated : .contiguous)]
    case "Punctuation":
      return [.characters(.punctuation, try behavior(step["behavior"], .isolated))]
    case "Whitespace": return [.words]
    case "WhitespaceSplit": return [.characters(.space, .removed)]
    case "BertPreTokenizer":
      return [.characters(.space, .removed), .characters(.punctuation, .isolated)]
    case "CharDelimiterSplit":
      return [.characters(.one(try character(step["delimiter"])), .removed)]
    case "Metaspace":
      return [
        .metaspace(
          replacement: try character(step["replacement"], 0x2581), try scheme(step),
          splits: try flag(step["split"], true))
      ]
    default: throw try unsupported("pre_tokenizer", step, code: "TK-PRE")
    }
  }

  private static func behavior(
    _ field: JSONField, _ usual: SplitBehavior?
  ) throws(Fault) -> SplitBehavior {
    if let usual, !field.isPresent { return usual }
    guard let behavior = SplitBehavior(rawValue: try field.string()) else {
      throw field.fault("unknown behavior")
    }
    return behavior
  }
}
