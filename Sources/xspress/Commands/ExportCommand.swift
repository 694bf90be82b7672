public import ArgumentParser
import JSON
import Pipeline
import Tensors

/// `xspress export`.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes an artifact as a plain PEFT LoRA or merged into its base.",
    discussion: """
      EXAMPLES
        xspress export my-lora.loraxs --base model.gguf --to peft -o my-lora-peft
        xspress export my-lora.loraxs --base model.gguf --to merged --dtype bf16 -o merged
      """)

  @Argument(help: "The artifact.")
  var artifact: String

  @Option(help: "Base model.")
  var base: String

  @Option(help: "peft or merged.")
  var to: Exporter.Target

  @Option(help: "f32, f16 or bf16.")
  var dtype: FloatType = .f32

  @Option(help: "Take bases from this .xsbases pack instead of an SVD.")
  var bases: String?

  @Option(name: .shortAndLong, help: "The directory to write.")
  var output: String

  @Flag(help: "Write into a directory that is not empty.")
  var force = false

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup var shared: SharedOptions

  /// Float types an export can have.
  enum FloatType: String, ExpressibleByArgument, CaseIterable {
    case f32, f16, bf16

    /// The element type.
    var dtype: DType {
      switch self {
      case .f32: .f32
      case .f16: .f16
      case .bf16: .bf16
      }
    }
  }

  func run() throws {
    try OutputPlace.checkFolder(output, against: [base, artifact])
    try OutputPlace.checkDirectory(output, force: force)
    let session = try shared.session(base: base, pack: bases)
    try Exporter(session: session).export(
      artifact, to: to, directory: output, dtype: dtype.dtype)
    if json {
      return try StandardOutput.write(
        .object([
          "schema": "xspress.export/1", "artifact": .string(artifact),
          "to": .string(to.rawValue), "directory": .string(output),
        ]))
    }
    try StandardOutput.write(output)
  }
}

extension Exporter.Target: ExpressibleByArgument {}
