internal import Faults
internal import JSON

/// Recognises the splitting rules in the `pre_tokenizer` of a `tokenizer.json`
/// (`formats/tokenizers.md` §6.2).
enum PreTokenizerDetection {
  /// The rule.
  ///
  /// - Throws: 69 `TK-PRE` naming what is not one of them.
  static func rule(of value: JSONValue) throws(Fault) -> PreTokenizer {
    let steps =
      value["type"]?.stringValue == "Sequence"
      ? value["pretokenizers"]?.arrayValue ?? [] : [value]
    guard let last = steps.last, last["type"]?.stringValue == "ByteLevel", steps.count <= 2 else {
      throw unknown(steps)
    }
    if last["add_prefix_space"]?.boolValue ?? true {
      throw Fault(
        .unsupported, "TK-PRE", "pre_tokenizer ByteLevel with add_prefix_space is not supported")
    }
    let usesPattern = last["use_regex"]?.boolValue ?? true
    guard steps.count == 2 else {
      if usesPattern { return .gpt2 }
      throw unknown(steps)
    }
    let first = steps[0]
    switch (first["type"]?.stringValue, usesPattern) {
    case ("Digits", true) where first["individual_digits"]?.boolValue == true: return .smollm
    case ("Split", false): return try pattern(first)
    default: throw unknown(steps)
    }
  }

  private static func pattern(_ split: JSONValue) throws(Fault) -> PreTokenizer {
    guard split["behavior"]?.stringValue == "Isolated", split["invert"]?.boolValue != true,
      let pattern = split["pattern"]?["Regex"]?.stringValue
    else { throw unknown([split]) }
    if UTF8Key.equalBytes(pattern, PreTokenizer.llamaPattern) { return .llamaBPE }
    if UTF8Key.equalBytes(pattern, PreTokenizer.qwenPattern) { return .qwen2 }
    if UTF8Key.equalBytes(pattern, PreTokenizer.tekkenPattern) { return .tekken }
    if UTF8Key.equalBytes(pattern, PreTokenizer.gpt4oPattern) { return .gpt4o }
    throw Fault(.unsupported, "TK-PRE", "pre_tokenizer pattern \(pattern) is not supported")
  }

  private static func unknown(_ steps: [JSONValue]) -> Fault {
    let names = steps.map(TokenizerJSON.typeName).joined(separator: ", ")
    return Fault(.unsupported, "TK-PRE", "pre_tokenizer [\(names)] is not supported")
  }
}
