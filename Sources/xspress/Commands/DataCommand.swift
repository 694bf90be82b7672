import ArgumentParser
import Evaluation
import Faults
import Files
import Foundation
import JSON

/// `xspress data FORM FILE -o OUT.jsonl`.
struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "Makes a data file of a published data set.",
    discussion: """
      Prompts are those of the publications (formats/data.md): alpaca (instruction, input, output), commonsense (the eight
      sets of LLM-Adapters), metamath (query, response), gsm8k (question, answer), math (problem, solution), sharegpt
      (conversations), glue (sentences with a label or a score). FORM lines takes lines of a data file as they are, for
      --shots; template makes them of rows of any fields: {{field}} in --prompt, --completion and --choice stands for a row's (Mustache). FILE is a JSON array or has one object a line.

      EXAMPLES
        xspress data gsm8k test.jsonl -o gsm8k-test.jsonl --limit 100
        xspress data commonsense boolq/train.json -o boolq-train.jsonl
        xspress data gsm8k test.jsonl --shots 4 --shots-from train.jsonl \\
          -o gsm8k-4-shot.jsonl
        xspress data lines rows.jsonl --shots 8 --shots-from train.jsonl \\
          -o rows-8-shot.jsonl
        xspress data template trivia.json --prompt "Q: {{question}} A:" \\
          --completion " {{answer}}" -o trivia.jsonl
        xspress data template copa.jsonl --prompt "{{premise}} So" \\
          --choice " {{choice1}}" --choice " {{choice2}}" --answer label \\
          -o copa-choices.jsonl
        xspress evaluate --base model.gguf --data gsm8k-test.jsonl
      """)

  /// What rows are made of.
  enum Form: String, CaseIterable, ExpressibleByArgument {
    case alpaca, commonsense, metamath, gsm8k, math, sharegpt, glue, lines, template

    /// The form of a published data set; nil for lines of data files and templates.
    var published: PublishedForm? { PublishedForm(rawValue: rawValue) }
  }

  @Argument(help: "\(Form.allCases.map(\.rawValue).joined(separator: ", ")).")
  var form: Form

  @Argument(help: "The published file.")
  var file: String

  @Option(name: [.short, .customLong("output")], help: "The data file to write.")
  var output: String

  @Option(help: "Take the first so many rows.")
  var limit: Int?

  @Option(help: "Pass over so many rows first.")
  var skip = 0

  @Option(help: "FORM template: the prompt.")
  var prompt: String?

  @Option(help: "FORM template: the completion.")
  var completion: String?

  @Option(help: "FORM template: a choice, in the place of a completion (repeatable).")
  var choice: [String] = []

  @Option(help: "FORM template: the field with the right choice, its number from 0 or its text.")
  var answer: String?

  @Option(help: "Solved examples before every prompt.")
  var shots = 0

  @Option(
    help:
      "The file of the same form whose first rows they are; where it is FILE, these are left out.")
  var shotsFrom: String?

  @Option(help: "What stands between them (default: an empty line).")
  var shotsSeparator: String?

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func validate() throws {
    guard limit.map({ $0 > 0 }) ?? true, skip >= 0 else {
      throw ValidationError("--limit and --skip count rows")
    }
    guard shots >= 0, (shots > 0) == (shotsFrom != nil), shots > 0 || shotsSeparator == nil else {
      throw ValidationError("--shots counts the rows of --shots-from")
    }
    let texts = [prompt, completion, answer].compactMap(\.self) + choice
    guard form == .template || texts.isEmpty else {
      throw ValidationError("--prompt, --completion, --choice and --answer are for FORM template")
    }
    guard form != .template || prompt != nil else {
      throw ValidationError("FORM template needs --prompt")
    }
    let isChoosing = choice.count > 1 && answer != nil && completion == nil
    guard form != .template || isChoosing || completion != nil && choice.isEmpty && answer == nil
    else {
      throw ValidationError(
        "FORM template needs --completion, or --choice twice or more with --answer")
    }
  }

  func run() throws {
    try OutputPlace.check(output, against: [file] + [shotsFrom].compactMap(\.self))
    let line = try rowMaker()
    var skip = skip
    let lines: [JSONValue]
    if let shotsFrom {
      let shown = try PublishedRows.lines(of: shotsFrom, limit: shots, as: line)
      guard shown.count == shots else {
        throw Fault(
          .badData, "DATA-EMPTY", "\(shown.count) rows for --shots \(shots)", path: shotsFrom)
      }
      if resolved(shotsFrom) == resolved(file) { skip = max(skip, shots) }
      let examples = try ShownExamples(shown, separator: shotsSeparator ?? "\n\n")
      lines = try PublishedRows.lines(of: file, limit: limit, skip: skip) { row throws(Fault) in
        try examples.before(try line(row))
      }
    } else {
      lines = try PublishedRows.lines(of: file, limit: limit, skip: skip, as: line)
    }
    let written = try AtomicFile.write(output, text: lines.map { $0.text() + "\n" }.joined())
    if json {
      return try StandardOutput.write(
        .object([
          "schema": .string("xspress.data/1"), "path": .string(output),
          "rows": .integer(lines.count), "sha256": .string(written.digest.hex),
        ]))
    }
    try StandardOutput.write("\(lines.count) rows in \(output)")
  }

  private func resolved(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().path
  }

  private func rowMaker() throws(Fault) -> (JSONField) throws(Fault) -> JSONValue {
    if let published = form.published { return published.line }
    if form == .lines { return { row throws(Fault) in row.value ?? .null } }
    let prompt = prompt ?? ""
    guard let answer else {
      return try RowTemplate(prompt: prompt, completion: completion ?? "").line
    }
    return try RowTemplate(prompt: prompt, choices: choice, answer: answer).line
  }
}
