import Checkpoints
import Evaluation
import Faults
import Files
import TestSupport
import Testing
import Tokenizers

/// Rows that read well and whose tokens the model or its tokenizer cannot take (`formats/data.md` §3).
@Suite struct RefusedTokensTests {
  private func refusal(
    _ text: String, _ tokenizer: Tokenizer, _ model: DecoderConfiguration
  ) throws -> Fault? {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "data.jsonl")
      try AtomicFile.write(path, text: text)
      let set = try DataSet(path: path)
      let found = fault { () throws(Fault) in try set.tokenized(by: tokenizer, for: model) }
      #expect(found == nil || found?.path == path)
      #expect(found == nil || found?.reason.hasPrefix("example 1") == true)
      return found
    }
  }

  private let model = DecoderConfiguration(
    architecture: "llama", hiddenSize: 4, layerCount: 1, headCount: 1, keyValueHeadCount: 1,
    headDimension: 4, feedForwardSize: 4, vocabularySize: 2, contextLength: 8, ropeTheta: 10_000,
    normEpsilon: 1e-5, hasTiedEmbeddings: true)

  /// Two letters, and no token for a beginning or an end.
  private func letters() throws -> Tokenizer {
    try Tokenizer(
      vocabulary: TokenizerVocabulary(
        model: "gpt2", preTokenizer: "gpt-2", tokens: [[0x61], [0x62]], merges: []))
  }

  static let rows: [(row: String, code: String, exitCode: Int32, word: String)] = [
    (#"{"prompt": "", "completion": "a"}"#, "DATA-TOKENS", 65, "no token"),
    (#"{"prompt": "a", "completion": "b", "end": true}"#, "DATA-TOKENS", 69, "no end"),
    (
      #"{"text": ""# + String(repeating: "a", count: 4 << 20 | 1) + #""}"#, "DATA-LENGTH", 65,
      "at most 4194304"
    ),
  ]

  @Test(arguments: rows.indices) func isRefused(_ index: Int) throws {
    let item = Self.rows[index]
    let found = try refusal(item.row, letters(), model)
    #expect(
      found?.code == item.code && found?.exitCode == item.exitCode, "\(found?.line ?? "read")")
    #expect(found?.reason.contains(item.word) == true, "\(found?.line ?? "read")")
  }

  /// A model's files may give any number for its end of a sequence.
  @Test(arguments: [-1, -2_000_000_000, 2, Int32.max]) func idsThatAreNoTokens(end: Int32) throws {
    let tokenizer = try Tokenizer(
      vocabulary: TokenizerVocabulary(
        model: "gpt2", preTokenizer: "gpt-2", tokens: [[0x61], [0x62]], merges: [],
        endOfSequence: end))
    let found = try refusal(
      #"{"prompt": "a", "completion": "b", "end": true}"#, tokenizer, model)
    #expect(found?.code == "DATA-TOKENS" && found?.exitCode == 65)
    #expect(found?.reason.contains("token \(end), the model's are 0 to 1") == true)
  }

  @Test func choicesAreTokensToo() throws {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "data.jsonl")
      try AtomicFile.write(path, text: #"{"prompt": "a", "choices": ["b", "ab"], "answer": 1}"#)
      let examples = try DataSet(path: path).tokenized(by: try letters(), for: model)
      #expect(examples.map(\.choices) == [[[1], [0, 1]]])
      #expect(examples.map(\.completion) == [[0, 1]] && examples.map(\.answer) == [1])
    }
    let found = try refusal(
      #"{"prompt": "a", "choices": ["b", "abababab"], "answer": 0}"#, letters(), model)
    #expect(found?.code == "DATA-LENGTH", "\(found?.line ?? "read")")
  }

  /// BERT's second texts are of a kind that a model may have no embedding of.
  @Test func kindsOfTextsAreThoseOfTheModel() throws {
    let base = try BaseCheckpoint.open(Checkout.path("golden/models/bert"))
    let tokenizer = try Tokenizer(base: base)
    let row = #"{"text": "a", "text_pair": "b", "label": 0}"#
    var model = base.configuration
    #expect(try refusal(row, tokenizer, model) == nil)
    model.tokenTypeCount = 1
    let found = try refusal(row, tokenizer, model)
    #expect(found?.code == "DATA-TOKENS" && found?.exitCode == 65, "\(found?.line ?? "read")")
    #expect(found?.reason.contains("type 1") == true)
  }
}
