public import Adapters
public import ArgumentParser
import Faults
import JSON
import Progress
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
    for member in inspection.metadata.objectValue?.members ?? [] {
      let text = member.value.stringValue ?? member.value.text()
      let value = member.key == "accuracy" && member.value.isNull ? "not measured" : text
      lines.append("  \(Fault.escaped(member.key, limit: 60)): \(Fault.escaped(value, limit: 120))")
    }
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

extension AdapterDialect: ExpressibleByArgument {}
