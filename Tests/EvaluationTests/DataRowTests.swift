import Checkpoints
import Evaluation
import Faults
import Files
import JSON
import TestSupport
import Testing
import Tokenizers

/// Conversations and texts, which become examples by the model's own template and by windows.
@Suite struct DataRowTests {
  private func read(_ text: String) throws -> DataSet {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "data.jsonl")
      _ = try AtomicFile.write(path, text: text)
      return try DataSet(path: path)
    }
  }

  /// Letters a to j, a token each.
  private static func tokenizer() throws -> Tokenizer {
    try Tokenizer(
      vocabulary: TokenizerVocabulary(
        model: "gpt2", preTokenizer: "gpt-2", tokens: (0x61...0x6a).map { [$0] }, merges: []))
  }

  private static func model(contextLength: Int) -> DecoderConfiguration {
    DecoderConfiguration(
      architecture: "llama", hiddenSize: 4, layerCount: 1, headCount: 1, keyValueHeadCount: 1,
      headDimension: 4, feedForwardSize: 4, vocabularySize: 10, contextLength: contextLength,
      ropeTheta: 10_000, normEpsilon: 1e-5, hasTiedEmbeddings: true)
  }

  // MARK: - Texts

  /// Every token but the first is predicted once, in windows of the context, each with half of one before it.
  @Test(arguments: [(2, 8), (4, 8), (5, 8), (8, 8), (100, 8), (4, 2)])
  func everyTokenIsPredictedOnce(context: Int, count: Int) throws {
    let letters = Array("abcdefghij".prefix(count))
    let set = try read("{\"text\":\"\(String(letters))\"}")
    let examples = try set.tokenized(
      by: try Self.tokenizer(), for: Self.model(contextLength: context))
    #expect(examples.flatMap(\.completion) == (1..<Int32(count)).map { $0 })
    for (index, example) in examples.enumerated() {
      #expect(example.prompt.count + example.completion.count <= context)
      // What is before it are the tokens before it.
      let next = try #require(example.completion.first)
      #expect(example.prompt == (next - Int32(example.prompt.count)..<next).map { $0 })
      #expect(index == 0 || example.prompt.count == max(context / 2, 1))
    }
  }

  @Test func aTextOfOneTokenIsRefused() throws {
    let set = try read("{\"text\":\"ab\"}\n{\"text\":\"a\"}")
    let fault = try #require(throws: Fault.self) {
      _ = try set.tokenized(by: try Self.tokenizer(), for: Self.model(contextLength: 8))
    }
    #expect(fault.code == "DATA-TOKENS" && fault.reason.hasPrefix("example 2: "))
    #expect(fault.path == set.path && fault.exitCode == 65)
  }

  // MARK: - Conversations

  private static let conversation =
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":\"Yes\"}]}"

  @Test func conversationsNeedAKnownTemplate() throws {
    let set = try read(Self.conversation)
    for template in [nil, "{{ messages }}"] {
      let fault = try #require(throws: Fault.self) {
        _ = try set.tokenized(by: try Self.tokenizer(), for: Self.model(contextLength: 8)) {
          () throws(Fault) in template
        }
      }
      #expect(fault.code == "TK-CHAT" && fault.exitCode == 69 && fault.path == set.path)
      #expect(fault.reason.hasPrefix("example 1 is a conversation"))
    }
    // Nobody asks for the template of other rows.
    let plain = try read("{\"text\":\"ab\"}")
    _ = try plain.tokenized(by: try Self.tokenizer(), for: Self.model(contextLength: 8)) {
      () throws(Fault) in throw Fault(.badData, "TEST", "asked")
    }
  }

  /// The tokens of Transformers (golden/tokenizer/chat/tokens.json) up to the end of the answer's turn.
  @Test(.enabled(if: Checkout.hasDemoBase, "needs the demo base: `make models`"))
  func tokensAreThoseOfTransformers() throws {
    let golden = try JSONValue.parse(
      InputFile(Checkout.path("golden/tokenizer/chat/tokens.json")).readAll(limit: 1 << 20))
    let rows = try #require(golden["rows"]?.arrayValue)
    #expect(rows.count == 6)
    let base = try BaseCheckpoint.open(Checkout.demoBase)
    let tokenizer = try Tokenizer(base: base)
    let lines = rows.map { JSONValue.object(["messages": $0["messages"] ?? .null]).text() }
    let set = try read(lines.joined(separator: "\n"))
    let examples = try set.tokenized(by: tokenizer, for: base.configuration) { () throws(Fault) in
      try base.checkpoint.chatTemplate()
    }
    for (row, example) in zip(rows, examples) {
      let fields = JSONField(row, code: "TEST")
      let ids = try fields["ids"].array().map { Int32(try $0.int(in: 0...100_000)) }
      let answer = try fields["answer"].int(in: 1...ids.count)
      #expect(example.prompt == Array(ids[..<answer]))
      // Behind the end of the turn the template writes a line end, which nobody is asked for.
      #expect(example.completion == Array(ids[answer..<ids.count - 1]))
      #expect(tokenizer.decode([ids[ids.count - 1]]) == [0x0a])
    }
  }

  // MARK: - Refusals

  @Test(arguments: [
    ("{\"messages\":[]}", "messages"), ("{\"messages\":\"x\"}", "messages"),
    ("{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}]}", "messages"),
    (
      "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"user\",\"content\":\"y\"}]}",
      "messages"
    ),
    (
      "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":\"\"}]}",
      "messages"
    ),
    (
      "{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":\"y\"}]}",
      "role"
    ),
    (
      "{\"messages\":[{\"role\":\"user\",\"content\":[]},{\"role\":\"assistant\",\"content\":\"y\"}]}",
      "content"
    ),
    ("{\"text\":\"\"}", "text"), ("{\"text\":1}", "text"),
    ("{\"text\":\"a\",\"prompt\":\"a\",\"completion\":\"b\"}", "text"),
    ("{\"text\":\"a\",\"messages\":[]}", "text"),
    ("{\"completion\":\"b\"}", "prompt"),
  ])
  func refusesBadRows(line: String, field: String) throws {
    let fault = try #require(throws: Fault.self) { _ = try read(line) }
    #expect(fault.code == "DATA-FIELD" && fault.exitCode == 65)
    #expect(fault.reason.hasPrefix("line 1:") && fault.reason.contains(field), "\(fault.reason)")
  }
}
