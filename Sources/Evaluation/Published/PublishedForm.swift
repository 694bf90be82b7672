package import Faults
import Foundation
package import JSON

/// A form in which data sets are published, and what each of its rows is as a line of a data file (`formats/data.md` §6).
///
/// Prompts are those with which the methods that are compared here were published: Stanford Alpaca, LLM-Adapters (Hu et al. 2023,
/// `finetune.py`), MetaMath and LoRA-XS (Bałazy et al. 2024, `main_math_tuning.py`, `gsm8k_eval.py`, `MATH_eval.py`).
package enum PublishedForm: String, CaseIterable, Sendable {
  case alpaca, commonsense, metamath, gsm8k, math, sharegpt, glue

  /// The line of a row.
  ///
  /// - Throws: 65 `DATA-FIELD` naming the field.
  package func line(_ row: JSONField) throws(Fault) -> JSONValue {
    switch self {
    case .alpaca: try PublishedForm.alpaca(row)
    case .commonsense: try PublishedForm.commonsense(row)
    case .metamath:
      PublishedForm.object(
        prompt: PublishedForm.asked(try row["query"].string()),
        completion: " " + (try row["response"].string()))
    case .gsm8k: try PublishedForm.gsm8k(row)
    case .math: try PublishedForm.math(row)
    case .sharegpt: try PublishedForm.sharegpt(row)
    case .glue: try PublishedForm.glue(row)
    }
  }

  // MARK: - Instructions

  /// Instruction and input, where there is one, as Alpaca puts them.
  private static func alpaca(_ row: JSONField) throws(Fault) -> JSONValue {
    let (instruction, input) = (try row["instruction"].string(), try text(row["input"]))
    let prompt =
      input.isEmpty
      ? asked(instruction) + "\n"
      : "Below is an instruction that describes a task, paired with an input that provides further context. Write a response "
        + "that appropriately completes the request.\n\n### Instruction:\n\(instruction)\n\n### Input:\n\(input)\n\n### Response:\n"
    return object(prompt: prompt, completion: try row["output"].string())
  }

  private static func asked(_ instruction: String) -> String {
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
      + "### Instruction:\n\(instruction)\n\n### Response:"
  }

  /// A question with the words that may answer it behind `Answer format:`, indented as LLM-Adapters trains and asks; the first of
  /// these words that is written counts.
  private static func commonsense(_ row: JSONField) throws(Fault) -> JSONValue {
    let instruction = try row["instruction"].string()
    let words = answers(in: instruction)
    guard words.count > 1 else {
      throw row["instruction"].fault("has no \"Answer format: a/b\"")
    }
    let indent = String(repeating: " ", count: 16)
    let prompt =
      "Below is an instruction that describes a task. Write a response that appropriately completes the request.  \n\n"
      + "\(indent)### Instruction:\n\(indent)\(instruction)\n\n\(indent)### Response:\n\(indent)"
    return object(
      prompt: prompt, completion: try row["output"].string(),
      extract: .object(["first_of": .array(words.map { .string($0) })]), length: 32)
  }

  private static func answers(in instruction: String) -> [String] {
    guard let label = instruction.range(of: "Answer format: ", options: .backwards) else {
      return []
    }
    return instruction[label.upperBound...].prefix { !$0.isNewline }.split(separator: "/")
      .map { $0.trimmingCharacters(in: .whitespaces) }
  }

  // MARK: - Mathematics

  /// What ends an answer in MetaMath's texts, and what LoRA-XS looks for.
  private static let conclusion = "The answer is:"

  private static func reasoned(
    _ question: String, _ solution: String, answer: String, extract: JSONValue, length: Int
  ) -> JSONValue {
    object(
      prompt: asked(question) + " Let's think step by step.",
      completion: " \(solution)\n\(conclusion) \(answer)", extract: extract,
      stops: ["Instruction:", "Response:"], length: length)
  }

  /// Reasoning with sums in `<<…>>`, which are left out, and the answer behind `####`.
  private static func gsm8k(_ row: JSONField) throws(Fault) -> JSONValue {
    let solution = try row["answer"].string()
    let parts = solution.split(
      separator: "####", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let answer = AnswerForm.number.answer(in: String(parts[1])) else {
      throw row["answer"].fault("has no number behind \"####\"")
    }
    var text = parts[0][...]
    var reasoning = ""
    while let open = text.firstRange(of: "<<"),
      let close = text[open.upperBound...].firstRange(of: ">>")
    {
      reasoning += text[..<open.lowerBound]
      text = text[close.upperBound...]
    }
    reasoning += text
    while reasoning.last?.isWhitespace == true { reasoning.removeLast() }
    return reasoned(
      try row["question"].string(), reasoning, answer: answer, extract: .string("number"),
      length: 512)
  }

  /// A solution whose answer stands in a box: `problem` and `solution`, or `instruction` and `output`.
  private static func math(_ row: JSONField) throws(Fault) -> JSONValue {
    let names = row["problem"].isPresent ? ("problem", "solution") : ("instruction", "output")
    let solution = try row[names.1].string()
    guard let answer = AnswerForm.boxed.answer(in: solution) else {
      throw row[names.1].fault("has no \\boxed{answer}")
    }
    return reasoned(
      try row[names.0].string(), solution, answer: answer,
      extract: .object(["after": .string(conclusion)]), length: 1024)
  }

  // MARK: - Conversations

  /// Turns `from` a system, human or gpt, as messages up to the last of gpt.
  private static func sharegpt(_ row: JSONField) throws(Fault) -> JSONValue {
    let roles = [
      "system": "system", "human": "user", "user": "user", "gpt": "assistant",
      "assistant": "assistant",
    ]
    var messages: [(role: String, value: JSONValue)] = []
    for turn in try row["conversations"].array() {
      guard let role = roles[try turn["from"].string()] else {
        throw turn["from"].fault("is none of \(roles.keys.sorted().joined(separator: ", "))")
      }
      messages.append(
        (role, .object(["role": .string(role), "content": .string(try turn["value"].string())])))
    }
    while let last = messages.last, last.role != "assistant" { messages.removeLast() }
    guard messages.count > 1 else { throw row["conversations"].fault("has no answer") }
    return .object(["messages": .array(messages.map(\.value))])
  }

  // MARK: - Lines

  private static func text(_ field: JSONField) throws(Fault) -> String {
    field.isPresent ? try field.string() : ""
  }

  private static func object(
    prompt: String, completion: String, extract: JSONValue? = nil, stops: [String] = [],
    length: Int? = nil
  ) -> JSONValue {
    var members: [(String, JSONValue)] = [
      ("prompt", .string(prompt)), ("completion", .string(completion)), ("end", .bool(true)),
    ]
    if let extract { members.append(("extract", extract)) }
    if !stops.isEmpty { members.append(("stop", .array(stops.map { .string($0) }))) }
    if let length { members.append(("length", .integer(length))) }
    return .object(JSONObject(members))
  }
}
