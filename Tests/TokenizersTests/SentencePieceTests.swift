import Checkpoints
import Faults
import Files
import Foundation
import JSON
import TestSupport
import Testing
import Tokenizers

/// SentencePiece vocabularies from GGUF metadata and from `tokenizer.json` (`formats/tokenizers.md` §7.4).
@Suite struct SentencePieceTests {
  private static func answers() throws -> JSONValue {
    let path = Checkout.path("golden/tokenizer/sentencepiece/answers.json")
    return try JSONValue.parse(InputFile(path).readAll(limit: 1 << 20))
  }

  /// The trained vocabulary as a GGUF file holds it.
  static func vocabulary() throws -> TokenizerVocabulary {
    let answers = try answers()
    return TokenizerVocabulary(
      model: "llama", preTokenizer: "default",
      tokens: (answers["pieces"]?.arrayValue ?? []).map { Array(($0.stringValue ?? "").utf8) },
      tokenTypes: (answers["types"]?.arrayValue ?? []).map { Int32($0.intValue ?? 0) }, merges: [],
      scores: (answers["scores"]?.arrayValue ?? []).map { Float($0.doubleValue ?? 0) })
  }

  @Test func agreesWithSentencePiece() throws {
    let tokenizer = try Tokenizer(vocabulary: Self.vocabulary())
    #expect(tokenizer.vocabularyCount == 700)
    // Ids that the file leaves out are the usual ones, and a beginning is added.
    #expect(tokenizer.beginOfSequence == 1 && tokenizer.endOfSequence == 2)
    #expect(tokenizer.encode("", addSpecial: true) == [1])
    let answer = try #require(Self.answers()["small"]?["scores"])
    try TokenizerLines.expect(tokenizer, "random.jsonl", agreesWith: answer)
  }

  /// Whole lines, and such with special tokens written in them.
  @Test(arguments: ["normalizer", "always", "first"])
  func agreesWithTheLibrary(_ form: String) throws {
    let tokenizer = try Tokenizer(
      tokenizerJSON: Checkout.path("golden/tokenizer/sentencepiece/\(form).json"))
    let lines = try TokenizerLines.read("random.jsonl", limit: 1500)
    var hasher = SHA256Hasher()
    var count = 0
    let special = lines.prefix(200).map { "a<s> b</s>c \($0)<s>\($0)" }
    for line in lines + special {
      let ids = tokenizer.encode(line, addSpecial: true)
      count += ids.count
      for number in [Int32(ids.count)] + ids {
        hasher.update(withUnsafeBytes(of: number.littleEndian) { Array($0) })
      }
    }
    let answer = try #require(Self.answers()["small"]?[form])
    #expect(count == answer["tokens"]?.intValue)
    #expect(hasher.finalize().hex == answer["sha256"]?.stringValue)
  }

  @Test(arguments: ["gguf", "normalizer", "first"])
  func decodesWhatItEncodes(_ form: String) throws {
    let tokenizer =
      form == "gguf"
      ? try Tokenizer(vocabulary: Self.vocabulary())
      : try Tokenizer(tokenizerJSON: Checkout.path("golden/tokenizer/sentencepiece/\(form).json"))
    for line in try TokenizerLines.read("random.jsonl", limit: 1500) {
      // Metaspace puts nothing before a text that begins with a space, and U+2581 is a space afterwards.
      if form == "first", line.utf8.first == 0x20 { continue }
      if line.contains("\u{2581}") { continue }
      #expect(tokenizer.decode(tokenizer.encode(line), isWhole: true) == Array(line.utf8))
      // What follows another text has no space in front, and keeps those it has.
      #expect(tokenizer.decode(tokenizer.encode(line, continues: true)) == Array(line.utf8))
    }
    let mixed = "a<s>b</s> c"
    if form == "gguf" {
      #expect(tokenizer.decode(tokenizer.encode(mixed), isWhole: true) == Array(mixed.utf8))
    }
  }

  /// A completion joins its prompt as one text would: only the whole text gets a space in front.
  @Test func continuationsJoinTheirPrompt() throws {
    let tokenizer = try Tokenizer(vocabulary: Self.vocabulary())
    let whole = tokenizer.encode("My card is lost")
    let parts = tokenizer.encode("My card") + tokenizer.encode(" is lost", continues: true)
    #expect(whole == parts)
    #expect(tokenizer.encode(" is lost") != tokenizer.encode(" is lost", continues: true))
  }

  @Test func keysAreOptional() throws {
    var vocabulary = try Self.vocabulary()
    let usual = try Tokenizer(vocabulary: vocabulary)
    vocabulary.addsSpacePrefix = false
    vocabulary.addsBeginOfSequence = false
    let bare = try Tokenizer(vocabulary: vocabulary)
    #expect(bare.encode("card", addSpecial: true) == usual.encode("card", continues: true))
    #expect(bare.decode(bare.encode(" card"), isWhole: true) == Array(" card".utf8))
    // Without byte tokens there is the unknown one, as often as there are such characters.
    vocabulary.tokens = [[0x3c]] + ["<s>", "</s>", "a"].map { Array($0.utf8) }
    vocabulary.tokenTypes = [2, 3, 3, 1]
    vocabulary.scores = []
    let small = try Tokenizer(vocabulary: vocabulary)
    #expect(small.encode("a\u{1f600}\u{1f600}a") == [3, 0, 0, 3])
    vocabulary.scores = [1]
    #expect(fault { _ = try Tokenizer(vocabulary: vocabulary) }?.code == "TK-SCORE")
  }

  @Test func longTextsTakeLinearithmicTime() throws {
    let tokenizer = try Tokenizer(vocabulary: Self.vocabulary())
    let text = String(repeating: "card payment ", count: 4000)
    let ids = tokenizer.encode(text)
    #expect(tokenizer.decode(ids, isWhole: true) == Array(text.utf8))
  }

  /// Vocabularies of any bytes: no scores, odd strings, merges of everything.
  @Test(arguments: UInt64(1)...40)
  func neverTraps(_ seed: UInt64) throws {
    var state = seed
    func next(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % count
    }
    var tokens: Set<[UInt8]> = []
    for _ in 0..<60 { tokens.insert((0..<next(7)).map { _ in UInt8(next(256)) }) }
    tokens.formUnion([Array("\u{2581}".utf8), Array("<0x0A>".utf8), Array("<0xZZ>".utf8)])
    var vocabulary = try Self.vocabulary()
    vocabulary.tokens = tokens.sorted { $0.lexicographicallyPrecedes($1) }
    vocabulary.tokenTypes = vocabulary.tokens.map { _ in Int32(next(8)) }
    vocabulary.scores = vocabulary.tokens.map { _ in Float(next(5)) }
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    let bytes = (0..<300).map { _ in UInt8(next(256)) }
    for text in ["", " ", "\u{2581}\u{2581}", "a\0b", String(decoding: bytes, as: UTF8.self)] {
      _ = tokenizer.decode(tokenizer.encode(text, addSpecial: true), isWhole: true)
      _ = tokenizer.decode(tokenizer.encode(text, continues: true))
    }
    _ = tokenizer.decode([-1, .min, .max, 0, 1, 2], isWhole: true)
  }

  /// What is not computed is refused by name.
  @Test(arguments: [
    (#""pre_tokenizer":{"type":"ByteLevel"}"#, "lacks bytes"),
    (#""decoder":{"type":"ByteLevel"}"#, "ByteLevel"),
    (#""normalizer":{"type":"Other"}"#, "Other"),
  ])
  func refuses(_ change: String, words: String) throws {
    let path = Checkout.path("golden/tokenizer/sentencepiece/normalizer.json")
    var root = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
    let new = try JSONSerialization.jsonObject(with: Data("{\(change)}".utf8)) as? [String: Any]
    var object = root as? [String: Any] ?? [:]
    object.merge(new ?? [:]) { $1 }
    root = object
    try withTemporaryDirectory { folder in
      let file = folder + "/tokenizer.json"
      try JSONSerialization.data(withJSONObject: root).write(to: URL(fileURLWithPath: file))
      let found = fault { _ = try Tokenizer(tokenizerJSON: file) }
      #expect(found?.code == "TK-UNSUPPORTED" && found?.kind == .unsupported)
      #expect(found?.reason.contains(words) == true, "\(String(describing: found))")
    }
  }
}
