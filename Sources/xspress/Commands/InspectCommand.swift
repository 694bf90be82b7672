public import Adapters
public import ArgumentParser
import Faults
import JSON
import Progress
import Reports
import Tools

/// `xspress inspect PATH`.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Says what a file is and checks that all of it is there.",
    discussion: """
      EXAMPLES
        xspress inspect model.gguf
        xspress inspect my-lora --json
        xspress inspect model.gguf --digest --json | jq '.tensors[].sha256'
      """)

  @Argument(help: "A base model, an adapter, an artifact or a pack of bases.")
  var path: String

  @Option(help: "Read PATH as an adapter of this dialect: \(AdapterDialect.names).")
  var format: AdapterDialect?

  @Flag(help: "Add the SHA-256 of each tensor's decoded values (Float32, HF order).")
  var digest = false

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func run() throws {
    let inspection = try Inspection(
      path: path, digests: digest, adapterFormat: format, memory: try shared.memoryBudget())
    shared.progress.warn(inspection.warnings)
    if json { return try StandardOutput.write(inspection.json) }
    var lines = ["\(inspection.kind), \(inspection.format)"]
    if let architecture = inspection.architecture {
      lines[0] += ", \(Fault.escaped(architecture, limit: 60))"
    }
    if let reason = inspection.detectedBy {
      lines.append("detected as \(inspection.format) because \(reason)")
    }
    let bytes = inspection.tensors.reduce(0) { $0 + $1.bytes }
    lines.append("\(inspection.tensors.count) tensors, \(bytes) bytes")
    lines += InspectCommand.facts(inspection.metadata)
    let rows = inspection.tensors.map { tensor in
      [
        Fault.escaped(tensor.name, limit: 96), tensor.dtype,
        "[\(tensor.shape.map(String.init).joined(separator: ", "))]", "\(tensor.bytes)",
        tensor.sha256.map { String($0.prefix(16)) }
          ?? (tensor.undecoded == nil ? "" : "not decoded"),
      ]
    }
    lines.append(
      TextTable.text(["tensor", "dtype", "shape", "bytes", digest ? "sha256" : ""], rows))
    try StandardOutput.write(lines.joined(separator: "\n"))
  }
}

extension InspectCommand {
  /// What is known beside tensors, a line each; the figures of an artifact in words.
  private static func facts(_ metadata: JSONValue) -> [String] {
    var lines: [String] = []
    func add(_ name: String, _ value: String) {
      lines.append("  \(Fault.escaped(name, limit: 60)): \(Fault.escaped(value, limit: 120))")
    }
    for member in metadata.objectValue?.members ?? [] {
      let text = member.value.stringValue ?? member.value.text()
      switch member.key {
      case "accuracy": add(member.key, accuracy(member.value) ?? text)
      case "record":
        for fact in member.value.objectValue?.members ?? [] {
          add("record \(fact.key)", fact.value.stringValue ?? fact.value.text())
        }
      case "rank", "scaling":
        let least = metadata["least" + member.key.prefix(1).uppercased() + member.key.dropFirst()]
        add(member.key, least.map { $0 == member.value ? text : "\($0.text()) to \(text)" } ?? text)
      case "leastRank", "leastScaling": continue
      default: add(member.key, text)
      }
    }
    return lines
  }

  /// `86.3% stored, 89.7% LoRA, 0.0% base (300 examples)`; nil for what is no such block.
  private static func accuracy(_ value: JSONValue) -> String? {
    guard !value.isNull else { return "not measured" }
    guard let record = try? EvaluationRecord(json: value) else { return nil }
    let figures = [
      (VariantResult.Kind.stored, "stored"), (.lora, "LoRA"), (.base, "base"),
    ].compactMap { kind, name in
      record.first(kind).map { "\(Numerals.percent($0.accuracy)) \(name)" }
    }
    guard !figures.isEmpty else { return nil }
    return figures.joined(separator: ", ") + " (\(record.extent))"
  }
}

extension AdapterDialect: ExpressibleByArgument {}
