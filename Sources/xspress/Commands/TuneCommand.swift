import ArgumentParser
import Recipes

/// `xspress tune`.
struct TuneCommand: ParsableCommand, RecipeCommand {
  static let recipeCommand = Field.Command.tune

  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract: "Converts an adapter and fine-tunes the latents to recover its accuracy.",
    usage: """
      xspress tune --base PATH --adapter PATH (--rank N | --budget SIZE) --train FILE \
      [OPTIONS] -o OUT
      """,
    discussion: """
      The same command run again continues from its checkpoint.

      EXAMPLES
        xspress tune --base model.gguf --adapter my-lora --budget 64KB \\
          --train train.jsonl --eval test.jsonl -o out.loraxs
        xspress tune --base model.gguf --adapter my-lora --rank 32x8 \\
          --train train.jsonl --steps 400 --lr-search -o out.loraxs
        xspress tune --base model.gguf --adapter my-lora --budget 256KB \\
          --min-retained 0.95 --train train.jsonl -o out.loraxs
        xspress tune --base model.gguf --adapter my-lora --rank 32x8 \\
          --train self --self-openings openings.jsonl -o out.loraxs
      """)

  @OptionGroup var options: RecipeOptions<TuneCommand>

  @Flag(help: "Start over although there is a checkpoint.")
  var restart = false

  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func run() throws { try options.run(shared, restarts: restart) }
}
