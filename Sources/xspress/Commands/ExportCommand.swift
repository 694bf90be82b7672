public import ArgumentParser
import Exports
import Faults
import Fleet
import JSON
import Progress
import Recipes
import Reports
import Sessions

/// `xspress export`.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes an artifact, or those of a run, in a form that other tools read.",
    discussion: """
      TARGETS
        peft         a plain LoRA for PEFT: adapter_config.json and
                     adapter_model.safetensors
        merged       the base with the update added, for Transformers, with its
                     tokenizer; sharded above --shard-size
        merged-gguf  the GGUF base with the changed weights replaced, tokenizer
                     and all; one file
        gguf-lora    an adapter for llama.cpp (--lora); one file
        mlx          an adapter folder for mlx-lm: adapters.safetensors and
                     adapter_config.json
        lora-xs      the folder of the LoRA-XS reference code: directions and
                     latents
        kohya        lora_te_ names with lora_down, lora_up, alpha; one
                     safetensors file

      Targets of one file write -o itself where it ends in .gguf (.safetensors), else \
      -o/ARTIFACT.gguf. Of a run directory every jobs/NAME/NAME.loraxs goes into -o/NAME; without \
      --base on the base that its record names.

      EXAMPLES
        xspress export my-lora.loraxs --base model.gguf --to peft -o my-lora-peft
        xspress export my-lora.loraxs --base model.gguf --to merged \\
          --dtype bf16 -o merged
        xspress export my-lora.loraxs --base model.gguf --to gguf-lora \\
          -o my-lora.gguf
        xspress export my-lora.loraxs --base model.gguf --to merged-gguf \\
          --dtype q8_0 -o merged.gguf
        xspress export runs/demo --to gguf-lora -o exports
      """)

  @Argument(help: "The artifact, or a run directory of xspress batch.")
  var artifact: String

  @Option(help: "Base model (of a run: default as recorded).")
  var base: String?

  @Option(help: ArgumentHelp(ExportTarget.allCases.map(\.rawValue).joined(separator: ", ")))
  var to: ExportTarget

  @Option(help: "f32, f16, bf16, or q8_0 for merged-gguf (default: f32; merged-gguf f16).")
  var dtype: ExportType?

  @Option(help: "Largest file of a merged model, such as 500MB (default: 5GB).")
  var shardSize: String?

  @Option(help: "Take bases from this .xsbases pack instead of an SVD.")
  var bases: String?

  @Option(name: .shortAndLong, help: "The directory to write, or the file of one-file targets.")
  var output: String

  @Flag(help: "Write into a directory that is not empty.")
  var force = false

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func run() throws {
    let shardBytes: Int? = if let shardSize { try ByteSize.parse(shardSize) } else { nil }
    let options = try ExportOptions(target: to, type: dtype, shardBytes: shardBytes)
    if RunExporter.isRun(artifact) { return try exportRun(options) }
    guard let base else {
      throw Fault(.usage, "USAGE", "Missing expected argument '--base <base>'; see xspress --help")
    }
    let place = ExportPlace(output: output, target: to, artifact: artifact)
    try place.check(against: [base, artifact], force: force)
    let session = try shared.session(base: base, pack: bases)
    let files = try Exporter(session: session, options: options).export(artifact, to: place)
    if json {
      return try StandardOutput.write(
        .object([
          "schema": "xspress.export/1", "artifact": .string(artifact),
          "to": .string(to.rawValue), "directory": .string(place.directory),
          "files": .array(files.map { .string($0) }),
        ]).adding(warnings: session.log.warnings))
    }
    try StandardOutput.write(place.file ?? output)
  }

  private func exportRun(_ options: ExportOptions) throws {
    let (shared, bases, log) = (self.shared, self.bases, self.shared.progress)
    let exporter = RunExporter(options: options, basePath: base, log: log) {
      (path) throws(Fault) in
      try shared.session(base: path, pack: bases, log: log)
    }
    let results = try exporter.export(run: artifact, to: output, force: force)
    if json {
      try StandardOutput.write(
        RunExporter.json(results, run: artifact, directory: output, target: to)
          .adding(warnings: log.warnings))
    } else {
      let rows = results.map {
        [$0.name, $0.state, $0.fault?.code ?? $0.keptAdapter ?? $0.directory]
      }
      try StandardOutput.write(TextTable.text(["artifact", "state", ""], rows))
    }
    try Interruption.check()
    let faults = results.compactMap(\.fault)
    let code = BatchResults.exitCode(of: faults)
    // One error line holds for many artifacts too: each one's own is in the listing.
    if let fault = faults.first(where: { $0.exitCode == code }) { throw fault }
  }
}

extension ExportTarget: ExpressibleByArgument {}
extension ExportType: ExpressibleByArgument {}
