import Checkpoints
import Evaluation
import Faults
import Files
import TestSupport
import Testing
import Tokenizers

@Suite struct DataSetTests {
  private func read(_ text: String, limit: Int? = nil) throws -> DataSet {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "data.jsonl")
      _ = try AtomicFile.write(path, text: text)
      return try DataSet(path: path, limit: limit)
    }
  }

  private func completions(_ set: DataSet) -> [String] {
    set.rows.compactMap { row in
      guard case .example(let example) = row else { return nil }
      return example.completion
    }
  }

  @Test func readsCompletionsAndChoices() throws {
    let set = try read(
      """
      {"prompt":"a","completion":" b\\n"}

      {"prompt":"c","choices":[" d"," e"],"answer":1}
      """)
    #expect(completions(set) == [" b\n", " e"])
    #expect(
      try read("{\"prompt\":\"a\",\"completion\":\"b\"}\nnot json", limit: 1).rows.count == 1)
  }

  /// Blank lines are none of those that are passed over, and what is passed over is not looked at.
  @Test func passesOverTheFirstExamples() throws {
    let lines =
      "not json\n\n" + (0..<4).map { "{\"prompt\":\"a\",\"completion\":\"\($0)\"}\n" }.joined()
    func completions(limit: Int?, skip: Int) throws -> [String] {
      try withTemporaryDirectory { folder in
        let path = Paths.join(folder, "data.jsonl")
        _ = try AtomicFile.write(path, text: lines)
        return self.completions(try DataSet(path: path, limit: limit, skip: skip))
      }
    }
    #expect(try completions(limit: 2, skip: 2) == ["1", "2"])
    #expect(try completions(limit: nil, skip: 4) == ["3"])
    let fault = try #require(throws: Fault.self) { try completions(limit: nil, skip: 5) }
    #expect(fault.code == "DATA-EMPTY" && fault.reason.contains("5"))
    #expect(throws: Fault.self) { try completions(limit: nil, skip: 0) }
  }

  /// A tokenizer may know more tokens than its model has embeddings for.
  @Test func refusesTokensBeyondTheModel() throws {
    let tokenizer = try Tokenizer(
      vocabulary: TokenizerVocabulary(
        model: "gpt2", preTokenizer: "gpt-2", tokens: [[0x61], [0x62], [0x63]],
        tokenTypes: [1, 1, 1], merges: []))
    func refusal(_ vocabularySize: Int, contextLength: Int = 8) throws -> String? {
      let model = DecoderConfiguration(
        architecture: "llama", hiddenSize: 4, layerCount: 1, headCount: 1, keyValueHeadCount: 1,
        headDimension: 4, feedForwardSize: 4, vocabularySize: vocabularySize,
        contextLength: contextLength, ropeTheta: 10_000, normEpsilon: 1e-5,
        hasTiedEmbeddings: true)
      let set = try read("{\"prompt\":\"ab\",\"completion\":\"c\"}")
      do throws(Fault) {
        _ = try set.tokenized(by: tokenizer, for: model)
        return nil
      } catch {
        return "\(error.code) \(error.reason)"
      }
    }
    #expect(try refusal(3) == nil)
    #expect(try refusal(2) == "DATA-TOKENS example 1: token 2, the model's are 0 to 1")
    #expect(
      try refusal(3, contextLength: 2)
        == "DATA-LENGTH example 1 has 3 tokens, the model's context is 2")
  }

  /// A prompt that already begins with what the tokenizer puts in front of every prompt keeps both, and is told.
  @Test func warnsOfTwoBeginnings() throws {
    var vocabulary = TokenizerVocabulary(
      model: "gpt2", preTokenizer: "llama-bpe", tokens: [[0x61], [0x62], Array("<s>".utf8)],
      tokenTypes: [1, 1, 3], merges: [], beginOfSequence: 2)
    let set = try read(
      """
      {"prompt":"<s>a","completion":"b"}
      {"prompt":"a","completion":"<s>b"}
      {"prompt":"<s>b","completion":"a"}
      """)
    let model = DecoderConfiguration(
      architecture: "llama", hiddenSize: 4, layerCount: 1, headCount: 1, keyValueHeadCount: 1,
      headDimension: 4, feedForwardSize: 4, vocabularySize: 3, contextLength: 8,
      ropeTheta: 10_000, normEpsilon: 1e-5, hasTiedEmbeddings: true)
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    let examples = try set.tokenized(by: tokenizer, for: model)
    #expect(examples.map(\.prompt) == [[2, 2, 0], [2, 0], [2, 2, 1]])
    let warnings = examples.warnings(of: tokenizer)
    #expect(warnings.map(\.kind) == ["TK-BOS", "TK-BOS"])
    #expect(warnings.map(\.subject) == ["example 1", "example 3"])
    #expect(warnings.lines.count == 1)
    vocabulary.addsBeginOfSequence = false
    let bare = try Tokenizer(vocabulary: vocabulary)
    #expect(try set.tokenized(by: bare, for: model).warnings(of: bare).isEmpty)
  }

  /// Texts beyond what is computed as the model defines it are refused with the reason.
  @Test func refusesTextsBeyondWhatIsExact() throws {
    let tokenizer = try Tokenizer(
      vocabulary: TokenizerVocabulary(
        model: "gpt2", preTokenizer: "gpt-2", tokens: [[0x61], [0x62]], merges: []))
    var model = DecoderConfiguration(
      architecture: "llama", hiddenSize: 4, layerCount: 1, headCount: 1, keyValueHeadCount: 1,
      headDimension: 4, feedForwardSize: 4, vocabularySize: 2, contextLength: 8,
      ropeTheta: 10_000, normEpsilon: 1e-5, hasTiedEmbeddings: true, doubtfulWindow: 4)
    func refusal(_ prompt: String) throws -> Fault? {
      let set = try read("{\"prompt\":\"\(prompt)\",\"completion\":\"b\"}")
      do throws(Fault) {
        _ = try set.tokenized(by: tokenizer, for: model)
        return nil
      } catch { return error }
    }
    #expect(try refusal("aba") == nil)
    #expect(try refusal("abab")?.reason.contains("sliding_window") == true)
    #expect(try refusal("abab")?.kind == .unsupported)
    model.doubtfulWindow = nil
    model.rotaryScaling.kind = .longrope(
      RotaryScaling.LongRoPE(
        shortFactors: [1, 1], longFactors: [2, 2], originalLength: 4, attentionFactor: 1))
    #expect(try refusal("aba") == nil)
    #expect(try refusal("abab")?.reason.contains("RoPE scaling") == true)
  }

  /// One defect each, and the code that names it.
  @Test(arguments: [
    ("", "DATA-EMPTY"), ("\n \n", "DATA-EMPTY"), ("{", "DATA-JSON"), ("[1]", "DATA-FIELD"),
    ("{\"completion\":\"b\"}", "DATA-FIELD"), ("{\"prompt\":\"a\"}", "DATA-FIELD"),
    ("{\"prompt\":1,\"completion\":\"b\"}", "DATA-FIELD"),
    ("{\"prompt\":\"a\",\"completion\":\"\"}", "DATA-FIELD"),
    ("{\"prompt\":\"a\",\"choices\":[\"x\"],\"answer\":0}", "DATA-FIELD"),
    ("{\"prompt\":\"a\",\"choices\":[\"x\",\"y\"]}", "DATA-FIELD"),
    ("{\"prompt\":\"a\",\"choices\":[\"x\",\"y\"],\"answer\":2}", "DATA-FIELD"),
    (
      "{\"prompt\":\"a\",\"choices\":[\"x\",\"y\"],\"answer\":0,\"completion\":\"x\"}", "DATA-FIELD"
    ),
    ("{\"prompt\":\"a\",\"prompt\":\"b\",\"completion\":\"c\"}", "DATA-JSON"),
  ])
  func refusesBadLines(text: String, code: String) {
    let fault = #expect(throws: Fault.self) { try read(text) }
    #expect(fault?.code == code)
    #expect(fault?.exitCode == 65)
    if !code.hasSuffix("EMPTY") { #expect(fault?.reason.hasPrefix("line 1:") == true) }
  }
}
