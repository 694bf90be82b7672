import Checkpoints
import Faults
import Foundation
import JSON
import TestSupport
import Testing
import Tokenizers

/// `tokenizer.json`: files written by Hugging Face's library, and refusals by name
/// (`formats/tokenizers.md` §2).
@Suite struct TokenizerJSONTests {
  @Test(arguments: ["gpt-2", "smollm", "llama-bpe", "qwen2", "tekken", "gpt-4o"])
  func agreesWithTheLibrary(_ rule: String) throws {
    let path = Checkout.path("golden/tokenizer/lines/\(rule).json")
    let tokenizer = try Tokenizer(tokenizerJSON: path)
    #expect(tokenizer.vocabularyCount == 504)
    let answer = try #require(TokenizerLines.answers()["small"]?[rule])
    try TokenizerLines.expect(tokenizer, "random.jsonl", agreesWith: answer, addSpecial: true)
    #expect(tokenizer.addsBeginOfSequence == (rule == "llama-bpe"))
  }

  @Test func recognisesAddedTokens() throws {
    let tokenizer = try small("qwen2")
    // The longest at a place wins; a normalised token is found in decomposed text too.
    #expect(tokenizer.encode("<|im_start|><|im_x<|im_end|>").first == 500)
    #expect(tokenizer.encode("<|im_").elementsEqual([502]))
    #expect(tokenizer.encode("e\u{301}e\u{301}").elementsEqual([503]))
    #expect(tokenizer.decode([500, 502]) == Array("<|im_start|><|im_".utf8))
    #expect(tokenizer.decode([-1, 504, .max]).isEmpty)
  }

  @Test func templatesSurroundTheText() throws {
    let tokenizer = try small("llama-bpe")
    let plain = tokenizer.encode("pending transfer")
    #expect(tokenizer.encode("pending transfer", addSpecial: true) == [500] + plain)
    #expect(tokenizer.beginOfSequence == 500)
  }

  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: Checkout.path("models/demo-tokenizer.json"))
        && Checkout.hasDemoBase, "needs golden/tools/make_lines.py"))
  func agreesWithTheDemoVocabulary() throws {
    let json = try Tokenizer(tokenizerJSON: Checkout.path("models/demo-tokenizer.json"))
    let gguf = try Tokenizer(checkpoint: Checkpoint.open(Checkout.demoBase))
    #expect(json.vocabularyCount == gguf.vocabularyCount)
    for source in ["random.jsonl", "banking77"] {
      for line in try TokenizerLines.read(source, limit: 3000) {
        #expect(json.encode(line) == gguf.encode(line))
      }
    }
  }

  // MARK: - Refusals

  struct Case: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var code: String
    var kind: Fault.Kind
    var path: [String]
    var value: JSONValue

    init(
      _ path: String, _ value: JSONValue, _ code: String, _ kind: Fault.Kind = .unsupported
    ) {
      testDescription = "\(path) = \(value.text())"
      self.path = path.split(separator: ".").map(String.init)
      self.value = value
      self.code = code
      self.kind = kind
    }
  }

  private static let text: JSONValue = ["Sequence": ["id": "A", "type_id": 0]]

  private static func template(_ single: [JSONValue]) -> JSONValue {
    ["type": "TemplateProcessing", "single": .array(single), "special_tokens": [:]]
  }

  private static func split(_ pattern: String) -> JSONValue {
    [
      "type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated",
      "invert": false,
    ]
  }

  @Test(arguments: [
    Case("model.type", "WordPiece", "TK-UNSUPPORTED"),
    Case("model.type", "Unigram", "TK-UNSUPPORTED"),
    Case("model.type", "Other", "TK-UNSUPPORTED"),
    Case("model.type", 1, "TK-JSON", .badData),
    Case("normalizer", ["type": "ByteLevel"], "TK-UNSUPPORTED"),
    Case("normalizer", ["type": "Strip", "strip_left": 1], "TK-JSON", .badData),
    Case("normalizer", ["type": "Precompiled", "precompiled_charsmap": "%"], "TK-JSON", .badData),
    Case(
      "normalizer", ["type": "Precompiled", "precompiled_charsmap": "AAQAAAAA"], "TK-CHARSMAP",
      .badData),
    Case("pre_tokenizer", ["type": "UnicodeScripts"], "TK-PRE"),
    Case("pre_tokenizer", ["kind": "Whitespace"], "TK-JSON", .badData),
    Case("pre_tokenizer", split("(a)\\1"), "TK-PRE"),
    Case("pre_tokenizer", split("\\p{Greek}"), "TK-PRE"),
    Case("pre_tokenizer", split("(a"), "TK-PRE", .badData),
    Case(
      "pre_tokenizer", ["type": "Split", "pattern": ["Regex": "a"], "behavior": "Odd"], "TK-JSON",
      .badData),
    Case("decoder", ["type": "CTC"], "TK-UNSUPPORTED"),
    Case("model.dropout", 0.1, "TK-UNSUPPORTED"),
    Case("model.continuing_subword_prefix", "##", "TK-UNSUPPORTED"),
    Case("model.end_of_word_suffix", "</w>", "TK-UNSUPPORTED"),
    Case("decoder", ["type": "Metaspace"], "TK-UNSUPPORTED"),
    Case("post_processor", ["type": "BertProcessing"], "TK-JSON", .badData),
    Case("post_processor", ["type": "Other"], "TK-UNSUPPORTED"),
    Case("post_processor", template([]), "TK-UNSUPPORTED"),
    Case("post_processor", template([text, text]), "TK-UNSUPPORTED"),
    Case("post_processor", template([text, ["SpecialToken": ["id": "x"]]]), "TK-JSON", .badData),
    Case(
      "post_processor", ["type": "BertProcessing", "cls": ["a", 9000], "sep": ["b", 1]], "TK-JSON",
      .badData),
    Case(
      "added_tokens", [["id": 3, "content": "<x>", "special": true, "normalized": false]],
      "TK-DUP", .badData),
    Case(
      "added_tokens", [["id": 2_000_000_000, "content": "<x>", "special": true]], "TK-JSON",
      .badData),
    Case("added_tokens", [["id": -1, "content": "<x>"]], "TK-JSON", .badData),
    Case("added_tokens", [["content": "<x>"]], "TK-JSON", .badData),
    Case("model.merges", [["a", "nowhere"]], "TK-MERGE", .badData),
    Case("model.merges", ["ab"], "TK-MERGE", .badData),
    Case("model.merges", [["a"]], "TK-JSON", .badData),
    Case("model.merges", nil, "TK-JSON", .badData),
    Case("model.vocab", ["a": 1.5], "TK-JSON", .badData),
    Case("model.vocab", [], "TK-JSON", .badData),
    Case("model.vocab", ["a": 0, "b": 0], "TK-DUP", .badData),
  ])
  func refuses(_ item: Case) throws {
    let path = Checkout.path("golden/tokenizer/lines/gpt-2.json")
    var root = try JSONValue.parse(Array(try Data(contentsOf: URL(fileURLWithPath: path))))
    root = Self.setting(root, item.path[...], item.value)
    let found = try open(root.text())
    #expect(found?.code == item.code, "\(String(describing: found))")
    #expect(found?.kind == item.kind)
    #expect(found?.path != nil)
  }

  @Test(arguments: ["", "[]", "{", "{\"model\":1,\"model\":1}"])
  func refusesDamagedFiles(_ text: String) throws {
    #expect(try open(text)?.kind == .badData)
  }

  @Test func refusesMissingFiles() {
    let found = fault { _ = try Tokenizer(tokenizerJSON: "/nonexistent/tokenizer.json") }
    #expect(found?.kind == .missingInput)
  }

  private func small(_ rule: String) throws -> Tokenizer {
    try Tokenizer(tokenizerJSON: Checkout.path("golden/tokenizer/lines/\(rule).json"))
  }

  private func open(_ text: String) throws -> Fault? {
    try withTemporaryDirectory { folder in
      let path = folder + "/tokenizer.json"
      try text.write(toFile: path, atomically: false, encoding: .utf8)
      return fault { _ = try Tokenizer(tokenizerJSON: path) }
    }
  }

  private static func setting(
    _ value: JSONValue, _ path: ArraySlice<String>, _ new: JSONValue
  ) -> JSONValue {
    guard let key = path.first else { return new }
    guard case .object(var object) = value else { return value }
    object[key] = setting(object[key] ?? .null, path.dropFirst(), new)
    return .object(object)
  }
}
