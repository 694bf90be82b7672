import ArgumentParser
import Sessions

/// `xspress`: the list of subcommands.
struct RootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "xspress",
    abstract: "Shrinks LoRA adapters to LoRA-XS form, with measured accuracy.",
    discussion: """
      An adapter's update of each base weight W = U·Σ·Vᵀ is rewritten as U·M·Vᵀ with chosen singular \
      directions U, V of W, so that only the small matrix M is stored.

      EXAMPLES
        xspress inspect model.gguf
        xspress convert --base model.gguf --adapter my-lora --rank 16 -o out.loraxs
        xspress tune --base model.gguf --adapter my-lora --rank 16 \\
          --train train.jsonl --eval test.jsonl -o my-lora.loraxs
        xspress batch manifest.yaml -o run && open run/report/index.html

      EXIT CODES
        0 ok · 64 usage · 65 bad data · 66 input missing · 69 unsupported
        70 bug · 71 memory budget · 73 cannot create output · 74 I/O error
        75 temporary, try again · 130 interrupted twice
      """,
    version: Product.version,
    subcommands: [
      InspectCommand.self, BasesCommand.self, CacheCommand.self, ConvertCommand.self,
      TuneCommand.self, EvaluateCommand.self, ExportCommand.self, BatchCommand.self,
      PlanCommand.self, RunCommand.self, CollectCommand.self, EmitCommand.self,
      EstimateCommand.self, DiffCommand.self, DataCommand.self, WorkCommand.self,
      VerifyCommand.self, GoldenCommand.self, ReportCommand.self,
    ])
}
