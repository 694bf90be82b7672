import ArgumentParser
import Evaluation
import Faults
import Files
import JSON

/// `xspress data FORM FILE -o OUT.jsonl`.
struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "Makes a data file of a published data set.",
    discussion: """
      Prompts are those of the publications (formats/data.md): alpaca (instruction, input, output), commonsense (the eight
      sets of LLM-Adapters), metamath (query, response), gsm8k (question, answer), math (problem, solution), sharegpt
      (conversations), glue (sentences with a label or a score). FILE is a JSON array or has one object a line.

      EXAMPLES
        xspress data gsm8k test.jsonl -o gsm8k-test.jsonl --limit 100
        xspress data commonsense boolq/train.json -o boolq-train.jsonl
        xspress evaluate --base model.gguf --data gsm8k-test.jsonl
      """)

  @Argument(
    help: "\(PublishedForm.allCases.map(\.rawValue).joined(separator: ", ")).",
    transform: { word in
      guard let form = PublishedForm(rawValue: word) else {
        throw ValidationError(
          "\"\(word)\" is none of \(PublishedForm.allCases.map(\.rawValue).joined(separator: ", "))"
        )
      }
      return form
    })
  var form: PublishedForm

  @Argument(help: "The published file.")
  var file: String

  @Option(name: [.short, .customLong("output")], help: "The data file to write.")
  var output: String

  @Option(help: "Take the first so many rows.")
  var limit: Int?

  @Option(help: "Pass over so many rows first.")
  var skip = 0

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func validate() throws {
    guard limit.map({ $0 > 0 }) ?? true, skip >= 0 else {
      throw ValidationError("--limit and --skip count rows")
    }
  }

  func run() throws {
    let lines = try PublishedRows.lines(of: file, as: form, limit: limit, skip: skip)
    let written = try AtomicFile.write(output, text: lines.map { $0 + "\n" }.joined())
    if json {
      return try StandardOutput.write(
        .object([
          "schema": .string("xspress.data/1"), "path": .string(output),
          "rows": .integer(lines.count), "sha256": .string(written.digest.hex),
        ]))
    }
    try StandardOutput.write("\(lines.count) rows in \(output)")
  }
}
