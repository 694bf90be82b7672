import Checkpoints
import Evaluation
import Faults
import Files
import Models
import TestSupport
import Testing
import Tokenizers
import Training

@Suite struct SelfSamplerTests {
  /// 64 tokens, as many as the tiny model has: letters, pairs of a letter and a new line, and an end of sequence.
  private static func tokenizer() throws -> Tokenizer {
    let letters = (UInt8(0x61)...0x7a).map { [$0] }
    let newline = Array("\u{10a}".utf8)
    let pairs = letters.map { $0 + newline }
    let rest = (0x30..<0x39).map { [UInt8($0)] } + [Array("<end>".utf8)]
    let tokens = letters + [newline, Array("\u{120}".utf8)] + pairs + rest
    return try Tokenizer(
      vocabulary: TokenizerVocabulary(
        model: "gpt2", preTokenizer: "gpt-2", tokens: tokens,
        tokenTypes: tokens.map { $0 == rest.last ? 3 : 1 }, merges: [],
        endOfSequence: Int32(tokens.count - 1)))
  }

  private func examples(
    _ openings: [Opening], count: Int = 40, length: Int = 6, threads: Int = 1,
    writer: SelfSampler.Writer = .adapter, seed: UInt64 = 3, tokenizer: Tokenizer? = nil
  ) throws -> [Example] {
    let run = try TinyRun()
    let pool = DecoderPool(
      weights: run.weights, updates: run.updates, threads: threads)
    var options = SelfSampler.Options()
    options.count = count
    options.length = length
    options.writer = writer
    options.seed = seed
    return try SelfSampler(
      teacher: pool, base: DecoderPool(weights: run.weights, threads: threads),
      tokenizer: try tokenizer ?? Self.tokenizer(), openings: openings, options: options
    ).examples()
  }

  @Test func textsDependOnSeedAndWriterAlone() throws {
    let openings = [Opening(text: ""), Opening(text: "abc", then: "\nz")]
    let texts = try examples(openings)
    #expect(texts.count <= 40 && texts.count > 30)
    #expect(try texts == examples(openings, threads: 3))
    #expect(try texts != examples(openings, seed: 4))
    #expect(try texts != examples(openings, writer: .base))
  }

  /// A prompt is the opening, what the writer made up to the first new line, and `then`.
  @Test func promptsHaveTheFormAskedFor() throws {
    let opening = Opening(text: "abc", then: "\nz", length: 2, end: "q")
    let texts = try examples([opening], count: 100)
    #expect(Set(texts.map(\.prompt)).count > 50)
    let tokenizer = try Self.tokenizer()
    for text in texts {
      #expect(text.prompt.hasPrefix("abc") && text.prompt.hasSuffix("\nz"))
      let written = text.prompt.dropFirst(3).dropLast(2)
      #expect(!written.contains("\n"))
      #expect(tokenizer.encode(String(written)).count <= 6)
      let completion = tokenizer.encode(text.completion)
      #expect((1...4).contains(completion.count))
      #expect(!text.completion.dropLast(2).contains("q"))
    }
    #expect(texts.contains { $0.completion.contains("<end>") || $0.completion.contains("q") })
  }

  @Test func withoutABeginningAnEmptyOpeningIsTheEnd() throws {
    let texts = try examples([Opening(text: "")], count: 5)
    #expect(texts.allSatisfy { $0.prompt == "<end>" })
  }

  /// A vocabulary that has none of an opening's bytes, and no beginning: nothing to continue.
  @Test func anOpeningWithoutATokenIsRefused() throws {
    let letters = (UInt8(0x61)...0x7a).map { [$0] }
    let tokenizer = try Tokenizer(
      vocabulary: TokenizerVocabulary(
        model: "gpt2", preTokenizer: "gpt-2", tokens: letters, tokenTypes: letters.map { _ in 1 },
        merges: [], endOfSequence: nil))
    for text in ["", "\n"] {
      let fault = #expect(throws: Fault.self) {
        try examples([Opening(text: "abc"), Opening(text: text)], tokenizer: tokenizer)
      }
      #expect(fault?.code == "SELF-OPENING" && fault?.reason.contains("opening 2") == true)
    }
  }

  @Test func openingsThatDoNotFitAreRefused() throws {
    let fault = #expect(throws: Fault.self) {
      try examples([Opening(text: "abc", length: 126)])
    }
    #expect(fault?.code == "SELF-LENGTH")
    #expect(fault?.exitCode == 64)
  }

  private func read(_ text: String) throws -> [Opening] {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "openings.jsonl")
      _ = try AtomicFile.write(path, text: text)
      return try Opening.read(path).rows
    }
  }

  @Test func readsOpenings() throws {
    let openings = try read(
      """
      {"opening": ""}
      {"opening": "Q:", "then": "\\nA:", "length": 3, "end": "\\n"}
      """)
    #expect(
      openings == [Opening(text: ""), Opening(text: "Q:", then: "\nA:", length: 3, end: "\n")])
  }

  /// One defect each.
  @Test(arguments: [
    "{\"then\": \"x\"}", "{\"opening\": 1}", "{\"opening\": \"\", \"then\": \"\"}",
    "{\"opening\": \"\", \"length\": 0}", "{\"opening\": \"\", \"end\": \"\"}",
  ])
  func refusesBadOpenings(text: String) {
    let fault = #expect(throws: Fault.self) { try read(text) }
    #expect(fault?.code == "DATA-FIELD")
    #expect(fault?.reason.hasPrefix("line 1:") == true)
  }

  @Test func chatFormsAreToldByTheirText() {
    #expect(ChatForm(template: "{{'<|im_start|>' + role}}") == .chatML)
    #expect(ChatForm(template: "'<|start_header_id|>' + role") == .llama3)
    #expect(ChatForm(template: "[INST]") == nil)
    #expect(Opening.builtIn(chatForm: nil).count == 2)
    #expect(Opening.builtIn(chatForm: .chatML).last?.text == "<|im_start|>user\n")
  }
}
