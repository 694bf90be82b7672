import Evaluation
import Faults
import Files
import JSON
import TestSupport
import Testing

/// Published data sets as data files.
@Suite struct PublishedRowsTests {
  private func lines(
    _ text: String, _ form: PublishedForm, limit: Int? = nil, skip: Int = 0
  ) throws -> [JSONValue] {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "published.json")
      try AtomicFile.write(path, text: text)
      return try PublishedRows.lines(of: path, limit: limit, skip: skip, as: form.line)
    }
  }

  private let asked =
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
    + "### Instruction:\nName one.\n\n### Response:"

  @Test func alpacaWithAndWithoutInput() throws {
    let rows = try lines(
      """
      [{"instruction": "Name one.", "input": "", "output": "A"},
       {"instruction": "Name one.", "input": "of [these]: {B}, \\"C\\"", "output": "B"}]
      """, .alpaca)
    #expect(rows.map { $0["completion"]?.stringValue } == ["A", "B"])
    #expect(rows[0]["prompt"]?.stringValue == asked + "\n")
    let prompt = try #require(rows[1]["prompt"]?.stringValue)
    #expect(prompt.hasPrefix("Below is an instruction that describes a task, paired with an input"))
    #expect(
      prompt.hasSuffix(
        "### Instruction:\nName one.\n\n### Input:\nof [these]: {B}, \"C\"\n\n### Response:\n"))
  }

  @Test func commonsenseAsksForOneOfItsWords() throws {
    let row = try lines(
      """
      [{"instruction": "Is it?\\n\\nOption1: x Answer format: true/false", "input": "", "output": "the correct answer is true",
        "answer": "true"}]
      """, .commonsense)[0]
    let prompt = try #require(row["prompt"]?.stringValue)
    #expect(
      prompt.contains("request.  \n\n                ### Instruction:\n                Is it?"))
    #expect(prompt.hasSuffix("\n\n                ### Response:\n                "))
    let words: JSONValue = .object(["first_of": .array([.string("true"), .string("false")])])
    #expect(row["extract"] == words && row["length"] == .integer(32))
    let form = AnswerForm.firstOf(["true", "false"])
    #expect(form.answer(in: "the correct answer is false, not true") == "false")
    #expect(form.answer(in: "neither") == nil)
    #expect(AnswerForm.firstOf(["answer1", "answer10"]).answer(in: "answer10") == "answer1")
  }

  @Test func gsm8kKeepsTheReasoningWithoutItsSums() throws {
    let row = try lines(
      "{\"question\":\"Name one.\",\"answer\":\"16 - 3 = <<16-3=13>>13 eggs.\\nSo 13*2 = $<<13*2=26>>26.\\n#### 1,026\"}\n",
      .gsm8k)[0]
    #expect(row["prompt"]?.stringValue == asked + " Let's think step by step.")
    #expect(
      row["completion"]?.stringValue == " 16 - 3 = 13 eggs.\nSo 13*2 = $26.\nThe answer is: 1026")
    #expect(row["extract"] == .string("number") && row["end"] == .bool(true))
    #expect(row["stop"] == .array([.string("Instruction:"), .string("Response:")]))
  }

  @Test func gsm8kMayLackReasoning() throws {
    let row = try lines("{\"question\":\"Name one.\",\"answer\":\"#### 5\"}", .gsm8k)[0]
    #expect(row["completion"]?.stringValue == " \nThe answer is: 5")
  }

  @Test(arguments: [("problem", "solution"), ("instruction", "output")])
  func mathEndsWithItsAnswer(question: String, solution: String) throws {
    let row = try lines(
      "{\"\(question)\":\"Name one.\",\"\(solution)\":\"So $x=\\\\boxed{\\\\frac12}$.\"}", .math)[0]
    #expect(row["completion"]?.stringValue == " So $x=\\boxed{\\frac12}$.\nThe answer is: \\frac12")
    #expect(row["extract"]?["after"]?.stringValue == "The answer is:")
  }

  @Test func metamathAndConversations() throws {
    let meta = try lines("{\"query\":\"Name one.\",\"response\":\"Two.\"}", .metamath)[0]
    #expect(meta["prompt"]?.stringValue == asked && meta["completion"]?.stringValue == " Two.")
    let chat = try lines(
      """
      [{"conversations": [{"from": "system", "value": "S"}, {"from": "human", "value": "Q"},
        {"from": "gpt", "value": "A"}, {"from": "human", "value": "thanks"}]}]
      """, .sharegpt)[0]
    let roles = chat["messages"]?.arrayValue?.map { $0["role"]?.stringValue }
    #expect(roles == ["system", "user", "assistant"])
  }

  @Test func textsWithLabelsAndScores() throws {
    let rows = try lines(
      """
      {"sentence":"fine","label":1,"idx":0}
      {"question":"q?","sentence":"s","label":"entailment"}
      {"sentence1":"a","sentence2":"b","label":5.0}
      {"premise":"p","hypothesis":"h","label":2}
      """, .glue)
    #expect(rows.map { $0["text"]?.stringValue } == ["fine", "q?", "a", "p"])
    #expect(rows.map { $0["text_pair"]?.stringValue } == [nil, "s", "b", "h"])
    #expect(rows.map { $0["label"]?.intValue } == [1, nil, nil, 2])
    #expect(rows[1]["label"]?.stringValue == "entailment" && rows[2]["score"]?.doubleValue == 5)
  }

  @Test func rowsAreCounted() throws {
    let text =
      "[" + (0..<5).map { "{\"query\":\"q\($0)\",\"response\":\"r\"}" }.joined(separator: ",")
      + "]\n"
    let some = try lines(text, .metamath, limit: 2, skip: 2)
    #expect(some.count == 2 && some[0]["prompt"]?.stringValue?.contains("q2") == true)
    #expect(try lines(text, .metamath).count == 5)
  }

  @Test(arguments: [
    ("[]", "DATA-EMPTY", "no row"), ("[{}", "DATA-JSON", "no end"),
    ("[{}] x", "DATA-JSON", "behind"),
    ("[{\"query\":\"a\",\"response\":\"b\"},]", "DATA-JSON", "row 2"),
    ("[{\"query\":\"a\"}]", "DATA-FIELD", "row 1: response"),
    ("{\"query\":1}", "DATA-FIELD", "line 1: query"),
    ("[3]", "DATA-FIELD", "row 1"), ("", "DATA-EMPTY", "no example"),
  ])
  func refusesBadFiles(text: String, code: String, words: String) throws {
    let fault = try #require(throws: Fault.self) { _ = try lines(text, .metamath) }
    #expect(fault.code == code && fault.reason.contains(words), "\(fault.line)")
    #expect(fault.exitCode == 65 && fault.path?.hasSuffix("published.json") == true)
  }

  @Test(arguments: [
    (PublishedForm.gsm8k, "{\"question\":\"q\",\"answer\":\"no number\"}", "answer"),
    (.math, "{\"problem\":\"q\",\"solution\":\"no box\"}", "solution"),
    (.commonsense, "{\"instruction\":\"q\",\"output\":\"o\"}", "instruction"),
    (.sharegpt, "{\"conversations\":[{\"from\":\"tool\",\"value\":\"\"}]}", "from"),
    (.sharegpt, "{\"conversations\":[{\"from\":\"human\",\"value\":\"q\"}]}", "conversations"),
    (.alpaca, "{\"instruction\":\"q\",\"output\":\"\"}", "completion"),
    (.glue, "{\"text\":\"q\",\"label\":1}", "sentence"), (.glue, "{\"sentence\":\"q\"}", "label"),
    (.glue, "{\"sentence\":\"q\",\"label\":-1}", "not published"),
    (.glue, "{\"sentence\":\"q\",\"label\":-1.0}", "not published"),
  ])
  func refusesRowsOfAnotherForm(form: PublishedForm, text: String, field: String) throws {
    let fault = try #require(throws: Fault.self) { _ = try lines(text, form) }
    #expect(fault.code == "DATA-FIELD" && fault.reason.contains(field), "\(fault.reason)")
  }

  // MARK: - Templates and examples

  private func rows(_ text: String, _ template: RowTemplate) throws -> [JSONValue] {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "rows.json")
      try AtomicFile.write(path, text: text)
      return try PublishedRows.lines(of: path, as: template.line)
    }
  }

  @Test func templatesTakeFieldsAsTheyStand() throws {
    let template = try RowTemplate(
      prompt: "Q{{n}}: {{q}}{{#hints}} ({{.}}){{/hints}} {{more.from}}\nA:",
      completion: " {{a}}{{^last}},{{/last}}")
    let row = try rows(
      #"{"n":7,"q":"a < b & \"c\"?","hints":["x","y"],"more":{"from":2.5},"a":"{{q}}","last":false}"#,
      template)[0]
    #expect(row["prompt"]?.stringValue == "Q7: a < b & \"c\"? (x) (y) 2.5\nA:")
    #expect(row["completion"]?.stringValue == " {{q}},")
  }

  @Test func choicesAreAnsweredByNumberOrText() throws {
    let template = try RowTemplate(
      prompt: "{{p}}", choices: [" {{a}}", " {{b}}"], answer: "label")
    let found = try rows(
      #"[{"p":"x","a":"u","b":"v","label":1},{"p":"x","a":"u","b":"v","label":"u"}]"#, template)
    #expect(found.map { $0["answer"]?.intValue } == [1, 0])
    #expect(found[0]["choices"] == .array([.string(" u"), .string(" v")]))
    for (label, words) in [("2", "0"), ("\"w\"", "none of the choices"), ("null", "label")] {
      let fault = try #require(throws: Fault.self) {
        _ = try rows("[{\"p\":\"x\",\"a\":\"u\",\"b\":\"v\",\"label\":\(label)}]", template)
      }
      #expect(fault.code == "DATA-FIELD" && fault.reason.contains(words), "\(fault.reason)")
    }
  }

  @Test func sectionsSeeTheirOwnFieldsAndTheRows() throws {
    let template = try RowTemplate(
      prompt: "{{#hint}}({{hint}} {{q}}){{/hint}}{{#empty}}yes{{/empty}}{{^empty}}no{{/empty}}",
      completion: "{{! not shown }}{{#list}}{{b}}{{q}},{{/list}}{{{q}}}{{&q}}{{^none}}-{{/none}}")
    let row = try rows(
      #"{"q":"Q","hint":"h","empty":"","none":null,"list":[{"b":1},{"b":2}]}"#, template)[0]
    #expect(row["prompt"]?.stringValue == "(h Q)no")
    #expect(row["completion"]?.stringValue == "1Q,2Q,QQ-")
  }

  @Test(arguments: [
    ("{{missing}}", "missing: is missing"), ("{{q.missing}}", "q.missing: is missing"),
    ("{{#list}}{{missing}}{{/list}}", "missing: is missing"), ("{{s.x}}", "s.x: is missing"),
    ("{{q.b.c}}", "q.b.c: is missing"), ("{{q}}", "q: is an object"),
    ("{{list}}", "list[0]: is in a list"), ("{{.}}", "is an object"),
    ("{{#list}}{{.}}{{/list}}", "is an object"),
  ])
  func whatIsNoTextOfTheRowIsRefused(prompt: String, words: String) throws {
    let template = try RowTemplate(prompt: prompt, completion: "a")
    let fault = try #require(throws: Fault.self) {
      _ = try rows(#"{"q":{"b":1},"s":"t","list":[{"b":1}]}"#, template)
    }
    #expect(fault.code == "DATA-FIELD" && fault.reason.contains(words), "\(fault.reason)")
  }

  @Test(arguments: [
    "{{#a}}", "{{a", "{{}}", "{{> other}}", "{{$block}}{{/block}}", "{{< parent}}{{/parent}}",
    "{{uppercased(a)}}", "{{=<% %>=}}", "{{% CONTENT_TYPE: HTML}}", "{{{a}}", "{{*a}}",
    String(repeating: "{{#a}}", count: 40) + String(repeating: "{{/a}}", count: 40),
  ])
  func whatIsNoTemplateIsRefused(text: String) throws {
    let fault = try #require(throws: Fault.self) {
      _ = try RowTemplate(prompt: text, completion: "b")
    }
    #expect(fault.code == "DATA-TEMPLATE" && fault.exitCode == 64, "\(fault.reason)")
  }

  @Test func examplesStandBeforePrompts() throws {
    let shown = try ShownExamples(
      [
        .object(["prompt": "a", "completion": "b"]),
        .object(["prompt": "c", "choices": ["d", "e"], "answer": 1]),
      ], separator: "\n\n")
    let row = try shown.before(
      .object([
        "prompt": "f", "completion": "g", "extract": "number", "stop": ["h"], "length": 9,
      ]))
    #expect(
      row
        == .object([
          "prompt": "ab\n\nce\n\nf", "completion": "g", "extract": "number", "length": 9,
          "stop": ["h", "\n\n"],
        ]))
    // An answer with an empty line in it does not end there.
    let long = try shown.before(
      .object(["prompt": "f", "completion": "g\n\n1", "extract": "number"]))
    #expect(long["stop"] == nil)
    let fault = try #require(throws: Fault.self) {
      _ = try shown.before(.object(["text": "a", "label": 1]))
    }
    #expect(fault.code == "DATA-FIELD" && fault.reason.hasPrefix("prompt"))
  }
}
