public import ArgumentParser
import Faults
import Files
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
    if !force, Paths.kind(of: output) != .missing {
      guard Paths.kind(of: output) == .directory, try Paths.entries(of: output).isEmpty else {
        throw Fault(
          .cannotCreate, "OUT-EXISTS",
          "exists and is not an empty directory; --force writes into it",
          path: output)
      }
    }
    let session = try shared.session(base: base, pack: bases)
    try Exporter(session: session).export(
      artifact, to: to, directory: output, dtype: dtype.dtype)
    try StandardOutput.write(output)
  }
}

extension Exporter.Target: ExpressibleByArgument {}
