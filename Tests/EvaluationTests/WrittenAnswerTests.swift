import Checkpoints
import Evaluation
import Faults
import Files
import Models
import Tensors
import TestSupport
import Testing
import Tokenizers

/// Answers that a model writes in its own words.
@Suite struct WrittenAnswerTests {
  /// All but that of `.5` are what Python's `re.findall(r"-?\d+\.?\d*", text.replace(",", ""))[-1]` finds,
  /// in one spelling.
  @Test(arguments: [
    ("She has 5 apples and 12 pears.\n#### 17", "17"), ("= 1,234,567 dollars.", "1234567"),
    ("so -3.50", "-3.5"), ("$0.75 each", "0.75"), ("007", "7"), ("-0.0", "0"), ("10.", "10"),
    ("x=2.0", "2"), ("12-5", "-5"), ("no. 3, then 4,", "4"), ("1, 2,3", "23"), ("3.14.15", "15"),
    (".5", "0.5"),
    ("1 000", "0"), ("٣ 8", "8"),
  ])
  func lastNumbers(text: String, number: String) {
    #expect(AnswerForm.number.answer(in: text) == number)
  }

  @Test(arguments: ["", "none", "a, b.", "- ,."])
  func textsWithoutNumbers(text: String) {
    #expect(AnswerForm.number.answer(in: text) == nil)
  }

  @Test(arguments: [
    ("thus \\boxed{42}.", "42"), ("\\boxed{1} or \\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
    ("so $\\boxed 2$, done", "2"), ("\\boxed 2, and \\boxed{3}", "3"),
    ("{\\boxed{{a}b}}}{", "{a}b"),
    ("\\boxed{1{\\boxed{2}", "2"), ("\\boxed{ x + 1 }", "x+1"),
    ("\\boxed{7} and \\boxed{never closed", "7"),
  ])
  func boxes(text: String, content: String) {
    #expect(AnswerForm.boxed.answer(in: text) == content)
  }

  @Test(arguments: ["\\boxed{}", "\\boxed{", "boxed{1}", "\\boxed"])
  func nothingInABox(text: String) {
    #expect(AnswerForm.boxed.answer(in: text) == nil)
  }

  /// In one pass: none of them is closed.
  @Test func manyOpenBoxes() {
    let text = String(repeating: "\\boxed{", count: 200_000)
    #expect(AnswerForm.boxed.answer(in: text) == nil)
    #expect(AnswerForm.boxed.answer(in: text + "5}") == "5")
    let bare = String(repeating: "\\boxed ", count: 200_000)
    #expect(AnswerForm.boxed.answer(in: bare + "6") == "6")
  }

  @Test func wordsBehindWords() {
    let form = AnswerForm.after("the answer is")
    #expect(form.answer(in: "the answer is (B).") == "b")
    #expect(form.answer(in: "the answer is no; no, the answer is Yes\nbecause") == "yes")
    #expect(form.answer(in: "the answer is .\n") == nil && form.answer(in: "yes") == nil)
  }

  // MARK: - Lines

  private func read(_ text: String) throws -> [DataRow] {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "data.jsonl")
      try AtomicFile.write(path, text: text)
      return try DataSet(path: path).rows
    }
  }

  @Test func aLineSaysHowItsAnswerIsFound() throws {
    let rows = try read(
      """
      {"prompt":"2+3?","completion":"2+3=5\\n#### 5","extract":"number","stop":["\\n\\n"],"length":9}
      {"prompt":"?","completion":"The answer is No.","extract":{"after":"answer is"}}
      {"prompt":"?","completion":"5"}
      """)
    let written = rows.map { (row) -> WrittenAnswer? in
      guard case .example(let example) = row else { return nil }
      return example.written
    }
    #expect(
      written == [
        WrittenAnswer(form: .number, right: "5", stops: ["\n\n"], length: 9),
        WrittenAnswer(form: .after("answer is"), right: "no", length: 256), nil,
      ])
    #expect(written[0]?.isRight("it is 5.00\n\nQuestion: 6") == true)
    #expect(written[0]?.isRight("it is 6\n\n5") == false)
    #expect(written[0]?.isRight("\n\n5") == false)
  }

  @Test(arguments: [
    ("\"extract\":\"number\"", "extract"), ("\"extract\":\"last\"", "extract"),
    ("\"extract\":{\"after\":\"\"}", "extract.after"), ("\"extract\":{}", "extract"),
    ("\"extract\":{\"after\":3}", "extract.after"), ("\"stop\":[\"x\"]", "stop"),
    ("\"extract\":{\"after\":\"b\"},\"length\":0", "length"),
    ("\"extract\":{\"after\":\"b\"},\"length\":5000", "length"),
    ("\"extract\":{\"after\":\"b\"},\"stop\":\"x\"", "stop"),
    ("\"extract\":{\"after\":\"b\"},\"stop\":[\"\"]", "stop"),
  ])
  func refusesBadLines(fields: String, name: String) throws {
    let fault = try #require(throws: Fault.self) {
      _ = try read("{\"prompt\":\"a\",\"completion\":\"bc\",\(fields)}")
    }
    #expect(fault.code == "DATA-FIELD" && fault.reason.contains(name), "\(fault.reason)")
  }

  @Test func onlyCompletionsAreWritten() throws {
    for line in [
      "{\"prompt\":\"a\",\"choices\":[\"1\",\"2\"],\"answer\":0,\"extract\":\"number\"}",
      "{\"text\":\"a 1\",\"extract\":\"number\"}",
    ] {
      let fault = try #require(throws: Fault.self) { _ = try read(line) }
      #expect(fault.code == "DATA-FIELD" && fault.reason.contains("extract"), "\(fault.reason)")
    }
  }

  // MARK: - Writing

  /// Every token is a number in angle brackets, so that what was written can be told from what is found.
  private func tokenizer(_ count: Int) throws -> Tokenizer {
    try Tokenizer(
      vocabulary: TokenizerVocabulary(
        model: "gpt2", preTokenizer: "gpt-2", tokens: (0..<count).map { Array("<\($0)>".utf8) },
        merges: []))
  }

  /// What the cached decoder writes one by one, which golden cases hold against Transformers.
  @Test(arguments: [1, 2, 5])
  func theAnswerIsFoundInWhatIsWritten(threads: Int) throws {
    let weights = try DecoderWeights(base: BaseCheckpoint.open(Checkout.path("golden/tiny/model")))
    let vocabulary = weights.configuration.vocabularySize
    let greedy = GreedyDecoder(Decoder(weights: weights, threads: 1))
    var generator = SeededGenerator(seed: 4)
    var examples: [TokenizedExample] = []
    var expected: [Bool] = []
    for index in 0..<40 {
      let prompt = (0..<2 + index % 5).map { _ in Int32(generator.index(below: vocabulary)) }
      let tokens = try greedy.complete(prompt: prompt, limit: 3 + index % 4)
      let stop = index % 3 == 0 ? tokens[2] : nil
      let end = stop.flatMap { tokens.firstIndex(of: $0) } ?? tokens.count
      let isRight = index % 2 == 0 && end > 0
      var example = TokenizedExample(prompt: prompt, completion: [1])
      example.written = WrittenAnswer(
        form: .number, right: isRight ? "\(tokens[end - 1])" : "\(vocabulary)",
        stops: stop.map { ["<\($0)>"] } ?? [], length: tokens.count)
      examples.append(example)
      expected.append(isRight)
    }
    // Completions are compared where they are beside others.
    examples.append(
      TokenizedExample(
        prompt: [3], completion: try greedy.complete(prompt: [3], limit: 2)))
    let evaluator = Evaluator(
      plan: EvaluationPlan(examples: examples), tokenizer: try tokenizer(vocabulary))
    #expect(evaluator.workCount == 81)
    let scores = try evaluator.evaluate(DecoderPool(weights: weights, threads: threads)).scores
    #expect(scores.examples.map(\.isCorrect) == expected + [true])
    // Likelihoods are the completions' all the same.
    let plain = try Evaluator(plan: EvaluationPlan(examples: examples)).evaluate(
      DecoderPool(weights: weights, threads: 1)
    ).scores
    #expect(plain.negativeLogLikelihood == scores.negativeLogLikelihood)
  }

  /// The end of a turn ends the answer of a conversation.
  @Test func aTurnEnds() throws {
    let weights = try DecoderWeights(base: BaseCheckpoint.open(Checkout.path("golden/tiny/model")))
    let vocabulary = weights.configuration.vocabularySize
    let tokens = try GreedyDecoder(Decoder(weights: weights, threads: 1))
      .complete(prompt: [5, 9], limit: 6)
    let end = tokens[1]
    let last = try #require(tokens.firstIndex(of: end))
    var example = TokenizedExample(prompt: [5, 9], completion: [2, end])
    example.written = WrittenAnswer(form: .number, right: "\(tokens[last])", length: 6)
    example.endsTurn = true
    func isRight() throws -> Bool {
      try Evaluator(
        plan: EvaluationPlan(examples: [example]), tokenizer: try tokenizer(vocabulary)
      ).evaluate(DecoderPool(weights: weights, threads: 1)).scores.examples[0].isCorrect
    }
    #expect(try isRight())
    example.written?.right = "\(vocabulary)"
    #expect(try !isRight())
  }
}
