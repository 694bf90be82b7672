internal import Faults

/// A name in `tokenizer.ggml.pre`, which stands for how words are cut (`formats/tokenizers.md` §3.3).
struct PreTokenizerName {
  /// The steps, the last of which makes bytes of the text where strings spell bytes.
  let steps: [SplitStep]
  /// Whether a word that is itself a token is taken whole, without merging.
  let takesWholeWords: Bool
  /// Whether a text begins with the token of a beginning where the file does not say.
  let addsBeginOfSequence: Bool
  /// Whether a text ends with the token of a separator.
  let addsSeparator: Bool
  /// Whether text is normalised to NFC.
  let normalizesToNFC: Bool
  /// Whether strings are text with U+2581 for spaces, as in SentencePiece's vocabularies.
  let isSpaced: Bool

  /// How some names cut words.
  private enum Rule: Hashable {
    /// One pattern that leaves nothing between its matches.
    case scanned(ScannedPattern)
    /// Expressions one after the other.
    case expressions([String])
    /// Each number alone, then the pattern of GPT-2.
    case digits
    case falcon
    /// Not at all, on text with U+2581 for spaces.
    case spaced
  }

  private static let rules: [(rule: Rule, names: [String])] = [
    (
      .scanned(.gpt2),
      [
        "gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0",
        "mellum", "modern-bert", "exaone4", "mpt", "olmo", "jais", "trillion", "granite-docling",
        "roberta-bpe", "jina-v1-en", "jina-v2-code",
      ]
    ),
    (
      .digits,
      [
        "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b",
        "mellum2",
      ]
    ),
    (
      .scanned(.llama3),
      [
        "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
        "jina-v5-nano", "smaug-bpe", "dbrx", "chatglm-bpe", "glm4", "glm5",
      ]
    ),
    (
      .scanned(.qwen2),
      [
        "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan",
        "solar-open", "grok-2",
      ]
    ),
    (.scanned(.tekken), ["tekken"]),
    (
      .scanned(.gpt4o),
      ["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2", "granite-embed-multi-97m"]
    ),
    (.falcon, ["falcon"]),
    (.spaced, ["gemma4", "granite-embed-multi-311m", "sarvam-moe"]),
    (.expressions([qwen35]), ["qwen35"]),
    (.expressions([#"[^\n]+|[\n]+"#, ScannedPattern.qwen2.rawValue]), ["laguna"]),
    (.expressions([seedCoder]), ["seed-coder"]),
    (.expressions([bailing]), ["bailingmoe", "bailingmoe2", "llada-moe"]),
    (.expressions([exaoneMoE]), ["exaone-moe"]),
    (.expressions([ufakzeka]), ["ufakzeka"]),
    (.expressions([jais2]), ["jais-2"]),
    (.expressions([bloom]), ["bloom", "poro-chat", "gpt3-finnish"]),
    (.expressions([bloom, #"\p{N}"#]), ["viking"]),
    (.expressions([#"\p{N}{1,3}"#, llamaNumbers]), ["minicpm5"]),
    (
      .expressions([#"\d{1,3}(?=(?:\d{3})*\b)"#, ScannedPattern.gpt4o.rawValue]),
      ["tiny_aya", "cohere2moe"]
    ),
    (.expressions([#"\p{N}+"#, #"(?=(\d{3})+(?!\d))"#]), ["superbpe"]),
    (
      .expressions([#"\p{N}{1,3}"#, cjk, deepseek3]),
      ["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"]
    ),
    (.expressions([#"\p{N}{1,3}"#, cjk, spark, #"\p{N}"#]), ["spark2_5"]),
    (.expressions([youtu, gpt4oDigits]), ["youtu"]),
    (
      .expressions([
        "[\r\n]", deepseekLetters, deepseekPunctuation, #"\s+$"#, hanAndHangul, #"\p{N}+"#,
      ]), ["deepseek-llm"]
    ),
    (
      .expressions(["[\r\n]", #"\s?\p{L}+"#, #"\s?\p{P}+"#, hanAndHangul, #"\p{N}"#]),
      ["deepseek-coder"]
    ),
    (
      .expressions([
        "<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", "([\\t\\n]|    |  )",
        #"\p{N}"#, #"[\p{P}!-/:-@\[-`{-~]"#, ScannedPattern.gpt2.rawValue,
      ]), ["chameleon"]
    ),
  ]

  /// Names whose words are taken whole where they are tokens.
  private static let whole: Set<String> = [
    "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
    "jina-v5-nano", "glm4", "glm5", "tekken", "minicpm5", "youtu", "granite-embed-multi-97m",
  ]
  /// Names whose texts begin with a token where the file does not say.
  private static let beginning: Set<String> = [
    "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
    "jina-v5-nano", "tekken", "chameleon",
  ]
  /// Names whose texts end with a separator.
  private static let separated: Set<String> = ["roberta-bpe", "jina-v1-en", "jina-v2-code"]

  /// What `name` means.
  ///
  /// - Throws: 69 `TK-PRE` for another name, or none.
  init(_ name: String?) throws(Fault) {
    guard let name else {
      throw Fault(
        .unsupported, "TK-PRE", "tokenizer.ggml.pre is missing; convert the model again")
    }
    guard let rule = Self.rules.first(where: { $0.names.contains(name) })?.rule else {
      throw Fault(
        .unsupported, "TK-PRE",
        "pre-tokenizer \"\(Fault.escaped(name, limit: 64))\"; how it splits words is not known")
    }
    steps = try Self.steps(rule)
    isSpaced = rule == .spaced
    takesWholeWords = Self.whole.contains(name)
    addsBeginOfSequence = Self.beginning.contains(name)
    addsSeparator = Self.separated.contains(name)
    // The others' tokenizers have no normalizer, and llama.cpp none at all.
    normalizesToNFC = name == "qwen2"
  }

  private static func steps(_ rule: Rule) throws(Fault) -> [SplitStep] {
    let bytes = SplitStep.byteLevel(addsPrefixSpace: false, usesPattern: false)
    let words = SplitStep.byteLevel(addsPrefixSpace: false, usesPattern: true)
    switch rule {
    case .scanned(.gpt2): return [words]
    case .scanned(let pattern):
      return [.pattern(SplitPattern(pattern), .isolated, isInverted: false), bytes]
    case .digits: return [.characters(.number, .isolated), words]
    case .falcon:
      let triples = try SplitPattern(expression: "[0-9][0-9][0-9]")
      return [
        .characters(.punctuation, .contiguous), words, .characters(.number, .contiguous),
        .pattern(triples, .isolated, isInverted: false),
      ]
    case .spaced: return []
    case .expressions(let expressions):
      var steps: [SplitStep] = []
      for expression in expressions {
        let pattern = try SplitPattern(expression: expression)
        steps.append(.pattern(pattern, .isolated, isInverted: false))
      }
      return steps + [bytes]
    }
  }

  // MARK: - Expressions

  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
  private static let spaces = #"\s*[\r\n]+|\s+(?!\S)|\s+"#
  private static let cjk = "[一-龥\u{3040}-ゟ゠-ヿ]+"
  private static let hanAndHangul = "[一-龥\u{800}-一가-\u{d7ff}]+"
  private static let qwen35 =
    contractions
    + #"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|"# + spaces
  private static let seedCoder =
    contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|"# + spaces
  private static let bailing =
    #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"#
  private static let exaoneMoE =
    contractions
    + #"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"#
  private static let ufakzeka =
    #"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"# + spaces
  private static let llamaNumbers =
    contractions
    + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|"# + spaces
  private static let jais2 =
    contractions
    + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|"#
    + #"\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}"#
  private static let bloom = #" ?[^(\s|.,!?…。，、।۔،)]+"#
  private static let asciiWord = ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|"##
  private static let deepseek3 =
    asciiWord
    + "[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
  private static let spark =
    asciiWord
    + "[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+|[\r\n]|\\s+(?!\\S)|\\s+"
  private static let youtu =
    "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥\u{3040}-ゟ゠-ヿ]+"
  private static let gpt4oDigits =
    ScannedPattern.gpt4o.rawValue.split(separator: #"\p{N}{1,3}"#).joined(separator: #"\p{N}"#)
  private static let deepseekPunctuation = #"\s?[!-/:-~！-／：-～‘-‟\#u{3000}-。]+"#
  /// Letters with case, of the Unicode of that time.
  private static let deepseekLetters =
    "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ"
    + "-Ὅὐ-ὗὙὛὝὟ-\u{1f7d}ᾀ-ᾴᾶ-ᾼ\u{1fbe}ῂ-ῄῆ-ῌῐ-\u{1fd3}ῖ-\u{1fdb}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u{2126}ℨ\u{212a}"
    + "-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+"
}
