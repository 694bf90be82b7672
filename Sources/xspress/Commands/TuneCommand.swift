import ArgumentParser
import Faults
import Foundation
import Ranks
import Recipes

/// `xspress tune`.
struct TuneCommand: ParsableCommand, RecipeCommand {
  static let recipeCommand = Field.Command.tune

  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract:
      "Converts an adapter and fine-tunes the latents; without one trains them from nothing.",
    usage: """
      xspress tune --base PATH [--adapter PATH] (--rank N | --budget SIZE) --train FILE \
      [OPTIONS] -o OUT
      """,
    discussion: """
      Without --adapter nothing is converted: latents in directions of the base learn the \
      completions of the examples. --directions top --init normal is the method of the LoRA-XS \
      paper. By default directions are the base's first ones too; --directions selected takes those \
      along which the loss of the base moves most.

      The same command run again continues from its checkpoint. Under mpirun, with --mpi, the \
      processes share the work and the result is the same to the byte.

      Data files have an example a line (JSONL): {"prompt", "completion"}, {"prompt", "choices", \
      "answer"}, {"messages"}, whose last answer is the completion, {"text"}, or for a head for \
      classes {"text", "text_pair", "label"}, with "score" for one number (formats/data.md).

      EXAMPLES
        xspress tune --base model.gguf --adapter my-lora --budget 64KB \\
          --train train.jsonl --eval test.jsonl -o out.loraxs
        xspress tune --base model.gguf --adapter my-lora --rank 32x8 \\
          --train train.jsonl --steps 400 --lr-search -o out.loraxs
        xspress tune --base model.gguf --adapter my-lora --budget 256KB \\
          --min-retained 0.95 --train train.jsonl -o out.loraxs
        xspress tune --base model.gguf --adapter my-lora --rank 32x8 \\
          --train self --self-openings openings.jsonl -o out.loraxs
        xspress tune --base model.gguf --adapter my-lora --budget 64KB \\
          --train train.jsonl --sign key.pem -o out.loraxs
        xspress tune --base model.gguf --rank 16 --target-modules q_proj \\
          --target-modules v_proj --train train.jsonl --eval test.jsonl -o new.loraxs
        xspress tune --base roberta-base --rank 8 --directions top --init normal \\
          --train sst2.jsonl --eval sst2-dev.jsonl -o sst2.loraxs
        mpirun -np 4 xspress tune --mpi --base model.gguf --adapter my-lora \\
          --rank 32x8 --train train.jsonl -o out.loraxs
      """)

  @OptionGroup var options: RecipeOptions<TuneCommand>

  @Flag(help: "Start over although there is a checkpoint.")
  var restart = false

  @Flag(
    help:
      "One of several processes that mpirun has started: they share the work (needs a library that make mpi-shim builds)."
  )
  var mpi = false

  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func run() throws {
    guard mpi else { return try options.run(shared, restarts: restart) }
    let link = try MPILink(library: ProcessInfo.processInfo.environment["XSPRESS_MPI"])
    let ranks = try Ranks.joined(by: link, at: .here)
    let fault = try ranks.untilAllEnd { () throws(Fault) in
      try options.run(shared, restarts: restart, ranks: ranks)
    }
    try link.finalize()
    // All know; one says it and has the exit code, so that the engine does not end it before.
    if let fault, ranks.isFirst { throw fault }
  }
}
