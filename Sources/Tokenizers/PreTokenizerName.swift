internal import Faults

/// A name in `tokenizer.ggml.pre`: many name one of few rules (`formats/tokenizers.md` §3).
struct PreTokenizerName {
  /// The rule.
  let rule: PreTokenizer
  /// Whether a word that is itself a token is taken whole, without merging.
  let takesWholeWords: Bool
  /// Whether a text begins with the token of a beginning where the file does not say.
  let addsBeginOfSequence: Bool
  /// Whether text is normalised to NFC.
  let normalizesToNFC: Bool

  /// Names of the rule `llama-bpe` whose models take whole words and begin texts with a token.
  private static let llama: Set<String> = [
    "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
    "jina-v5-nano",
  ]
  /// Names of the same pattern alone; of the last two take whole words.
  private static let llamaPattern: Set<String> = [
    "smaug-bpe", "dbrx", "chatglm-bpe", "glm4", "glm5",
  ]
  private static let qwen: Set<String> = [
    "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan",
    "solar-open", "grok-2",
  ]
  private static let digits: Set<String> = [
    "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2",
  ]
  private static let plain: Set<String> = [
    "gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0",
    "mellum", "modern-bert", "exaone4", "mpt", "olmo", "jais", "trillion", "granite-docling",
  ]

  /// Every name that is known, by rule.
  static let names: [PreTokenizer: Set<String>] = [
    .gpt2: plain, .smollm: digits, .llamaBPE: llama.union(llamaPattern), .qwen2: qwen,
    .tekken: ["tekken"], .gpt4o: ["gpt-4o", "llama4", "kanana2", "talkie"],
  ]

  /// What `name` means.
  ///
  /// - Throws: 69 `TK-PRE` for another name, or none.
  init(_ name: String?) throws(Fault) {
    guard let name else {
      throw Fault(
        .unsupported, "TK-PRE", "tokenizer.ggml.pre is missing; convert the model again")
    }
    guard let rule = PreTokenizer.allCases.first(where: { Self.names[$0]?.contains(name) == true })
    else {
      throw Fault(
        .unsupported, "TK-PRE",
        "pre-tokenizer \"\(name)\"; its splitting rule is none of "
          + PreTokenizer.allCases.map(\.rawValue).joined(separator: ", "))
    }
    self.rule = rule
    takesWholeWords = Self.llama.contains(name) || ["glm4", "glm5", "tekken"].contains(name)
    addsBeginOfSequence = Self.llama.contains(name) || name == "tekken"
    // The others' tokenizers have no normalizer, and llama.cpp none at all.
    normalizesToNFC = name == "qwen2"
  }
}
