import Checkpoints
import Faults
import Files
import JSON
import TestSupport
import Testing
import Tokenizers

/// Tokenizers that read well and say what is not supported, or what cannot be (`formats/tokenizers.md`).
@Suite struct RefusedTokenizerTests {
  /// A value of a golden file that is replaced, and what is said then.
  struct Change: Sendable, CustomTestStringConvertible {
    let name: String
    let kind: String
    let path: [String]
    let value: JSONValue
    let code: String
    let exitCode: Int32
    /// A part of the message: the field, or what it holds.
    let word: String
    var testDescription: String { name }
  }

  private static let metaspace: JSONValue = [
    "type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": "sometimes", "split": true,
  ]
  private static let bytes: JSONValue = [
    "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
  ]
  private static let template: JSONValue = [
    "type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2],
  ]

  static let changes = [
    Change(
      name: "Unigram without pieces", kind: "unigram", path: ["model", "vocab"], value: ["a": 1],
      code: "TK-JSON", exitCode: 65, word: "vocab"),
    Change(
      name: "Unigram without an unknown piece", kind: "unigram", path: ["model", "unk_id"],
      value: nil, code: "TK-UNSUPPORTED", exitCode: 69, word: "unk_id"),
    Change(
      name: "Metaspace sometimes", kind: "unigram", path: ["pre_tokenizer"], value: metaspace,
      code: "TK-JSON", exitCode: 65, word: "prepend_scheme"),
    Change(
      name: "Metaspace of two characters", kind: "unigram",
      path: ["pre_tokenizer", "replacement"], value: "__", code: "TK-JSON", exitCode: 65,
      word: "one character"),
    Change(
      name: "bytes of bytes", kind: "roberta", path: ["pre_tokenizer"],
      value: ["type": "Sequence", "pretokenizers": [bytes, bytes]], code: "TK-PRE", exitCode: 69,
      word: "ByteLevel"),
    Change(
      name: "two templates", kind: "bert", path: ["post_processor"],
      value: ["type": "Sequence", "processors": [template, template]], code: "TK-UNSUPPORTED",
      exitCode: 69, word: "two templates"),
  ]

  private func refusal(_ kind: String, _ path: [String], _ value: JSONValue) throws -> Fault? {
    let root = try JSONValue.parse(
      InputFile(Checkout.path("golden/tokenizer/kinds/\(kind).json")).readAll(limit: 1 << 20))
    return try withTemporaryDirectory { folder in
      let file = Paths.join(folder, "tokenizer.json")
      try AtomicFile.write(file, text: ChangedJSON.setting(root, path, value).text())
      let found = fault { () throws(Fault) in try Tokenizer(tokenizerJSON: file) }
      #expect(found == nil || found?.path == file)
      return found
    }
  }

  @Test(arguments: changes) func changedFilesAreRefused(_ change: Change) throws {
    let found = try refusal(change.kind, change.path, change.value)
    #expect(found?.code == change.code, "\(found?.line ?? "read")")
    #expect(found?.exitCode == change.exitCode)
    #expect(found?.reason.contains(change.word) == true, "\(found?.line ?? "read")")
  }

  // MARK: - Expressions

  /// Expressions of Oniguruma that are none, or that are not read.
  static let patterns: [(pattern: String, exitCode: Int32)] = [
    ("[[:alpha:]]", 69), ("[a&&]", 69), ("[a&&^b]", 69), ("\\pL", 65), ("\\p{Nothing}", 69),
    ("\\p{L", 65), (String(repeating: "[", count: 70), 69), ("(?x)a", 69), ("(?<name", 65),
    ("(?#", 65), ("(?i", 65), ("*a", 65), ("a|+", 65), ("\\x1", 65), ("\\ud800", 65),
  ]

  @Test(arguments: patterns)
  func expressionsAreRefused(_ item: (pattern: String, exitCode: Int32)) throws {
    let found = try refusal(
      "roberta", ["pre_tokenizer"],
      [
        "type": "Split", "pattern": ["Regex": .string(item.pattern)], "behavior": "Isolated",
        "invert": false,
      ])
    #expect(found?.code == "TK-PRE", "\(found?.line ?? "read")")
    #expect(found?.exitCode == item.exitCode, "\(found?.line ?? "read")")
    #expect(found?.reason.contains("pattern") == true)
  }

  // MARK: - Vocabularies of GGUF

  @Test func wordsNeedTheirSpecialTokens() {
    let vocabulary = TokenizerVocabulary(
      model: "bert", preTokenizer: nil, tokens: [[0x61], [0x62]], tokenTypes: [1, 1], merges: [])
    let found = fault { () throws(Fault) in try Tokenizer(vocabulary: vocabulary) }
    #expect(found?.code == "TK-JSON" && found?.exitCode == 65, "\(found?.line ?? "read")")
    #expect(found?.reason.contains("2 tokens") == true)
  }

  @Test func piecesAreNotWrittenAsTokenizerJSON() throws {
    let unknown = Array("<unk>".utf8)
    let vocabulary = TokenizerVocabulary(
      model: "llama", preTokenizer: nil, tokens: [unknown, [0x61], [0x62]],
      tokenTypes: [2, 1, 1], merges: [], scores: [0, -1, -2], unknown: 0)
    #expect(throws: Never.self) { try Tokenizer(vocabulary: vocabulary) }
    let found = fault { () throws(Fault) in
      try HuggingFaceTokenizer(vocabulary, contextLength: 8)
    }
    #expect(found?.code == "TK-UNSUPPORTED" && found?.exitCode == 69, "\(found?.line ?? "read")")
    #expect(found?.reason.contains("llama") == true)
  }

  // MARK: - Conversations

  /// Mistral's turns end with the end of the sequence: a tokenizer without one marks none.
  @Test func anAnswerNeedsAnEnd() throws {
    let template = try ChatTemplate(
      digest: "26a59556925c987317ce5291811ba3b7f32ec4c647c400c6cc7e3a9993007ba7")
    let messages = [ChatMessage(.user, "a"), ChatMessage(.assistant, "b")]
    #expect(try template.renderAnswer(messages, begin: "<s>", end: "</s>").answer == "b</s>")
    let found = fault { () throws(Fault) in
      try template.renderAnswer(messages, begin: "<s>", end: "")
    }
    #expect(found?.code == "TK-CHAT" && found?.exitCode == 65, "\(found?.line ?? "rendered")")
    let none = fault { () throws(Fault) in
      try template.render([], addsGenerationPrompt: true, begin: "<s>", end: "</s>")
    }
    #expect(none?.code == "TK-CHAT" && none?.reason.contains("no message") == true)
  }
}
