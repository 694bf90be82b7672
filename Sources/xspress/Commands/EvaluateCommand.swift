public import ArgumentParser
import JSON
public import LinearAlgebra
import Pipeline
import Progress
import Recipes
import Reports
import Sessions
import Tools

extension ProductPrecision: ExpressibleByArgument {}

/// `xspress evaluate`.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measures the base, adapters and artifacts on the same examples.",
    discussion: """
      Data files have an example a line (JSONL): {"prompt", "completion"}, {"prompt", "choices", \
      "answer"}, {"messages"}, whose last answer is the completion, {"text"}, or for a head for \
      classes {"text", "text_pair", "label"}, with "score" for one number (formats/data.md).

      EXAMPLES
        xspress evaluate --base model.gguf --adapter my-lora \\
          --artifact my-lora.loraxs --data test.jsonl --limit 500
      """)

  @Option(help: "Base model.")
  var base: String

  @Option(help: "A LoRA adapter (repeatable); the first is the teacher.")
  var adapter: [String] = []

  @Option(help: "An artifact (repeatable).")
  var artifact: [String] = []

  @Option(help: "Examples (JSONL).")
  var data: String

  @Option(help: "Measure on the first N examples.")
  var limit: Int?

  @Option(help: "Pass over the first N examples.")
  var skip = 0

  @Option(
    help: "Products: float32, or bfloat16, which takes half the time where the CPU is quick at it.")
  var precision = ProductPrecision.float32

  @Option(help: "Take bases from this .xsbases pack instead of an SVD.")
  var bases: String?

  @Option(help: "Seed of the bootstrap.")
  var seed: UInt64 = 0

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func validate() throws {
    try CountBounds.check("limit", limit, CountBounds.items)
    try CountBounds.check("skip", skip, 0...CountBounds.items.upperBound)
  }

  func run() throws {
    let session = try shared.session(base: base, pack: bases)
    let record = try EvaluationRun(session: session).run(
      data: JobRequest.Data(path: data, limit: limit, skip: skip, precision: precision),
      adapters: adapter,
      artifacts: artifact,
      seed: seed)
    if json {
      return try StandardOutput.write(record.json.adding(warnings: session.log.warnings))
    }
    try StandardOutput.write(EvaluationTable.text(record))
  }
}
