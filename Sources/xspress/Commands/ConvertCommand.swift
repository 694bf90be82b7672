import ArgumentParser
import Recipes

/// `xspress convert`.
struct ConvertCommand: ParsableCommand, RecipeCommand {
  static let recipeCommand = Field.Command.convert

  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Converts an adapter without training.",
    usage: "xspress convert --base PATH --adapter PATH (--rank N | --budget SIZE) [OPTIONS] -o OUT",
    discussion: """
      EXAMPLES
        xspress convert --base model.gguf --adapter my-lora --rank 16 -o out.loraxs
        xspress convert --base model.gguf --adapter my-lora --budget 64KB \\
          --calibrate train.jsonl --eval test.jsonl -o out.loraxs
      """)

  @OptionGroup var options: RecipeOptions<ConvertCommand>
  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func run() throws { try options.run(shared) }
}
