import ArgumentParser
import Faults
import Pipeline
import Ranks
import Recipes
import Reports
import Sessions
import Signatures

/// A command that converts an adapter by a recipe.
protocol RecipeCommand {
  /// Which options it has.
  static var recipeCommand: Field.Command { get }
}

/// What `convert` and `tune` have in common: an adapter, a base, where the result goes, and the options of a recipe
/// under their headings.
struct RecipeOptions<Command: RecipeCommand>: ParsableArguments {
  @OptionGroup(title: "Files and output") var places: PlaceOptions

  @OptionGroup(title: FieldGroup.adapter.title) var reading: FieldOptions<Reading>
  @OptionGroup(title: FieldGroup.scratch.title) var scratch: FieldOptions<Scratch>
  @OptionGroup(title: FieldGroup.size.title) var size: FieldOptions<Size>
  @OptionGroup(title: FieldGroup.start.title) var start: FieldOptions<Start>
  @OptionGroup(title: FieldGroup.storage.title) var storage: FieldOptions<Storage>
  @OptionGroup(title: FieldGroup.tuning.title) var tuning: FieldOptions<Tuning>
  @OptionGroup(title: FieldGroup.ownTexts.title) var ownTexts: FieldOptions<OwnTexts>
  @OptionGroup(title: FieldGroup.measuring.title) var measuring: FieldOptions<Measuring>

  enum Reading: FieldSource {
    static var command: Field.Command { Command.recipeCommand }
    static var group: FieldGroup { .adapter }
  }
  enum Scratch: FieldSource {
    static var command: Field.Command { Command.recipeCommand }
    static var group: FieldGroup { .scratch }
  }
  enum Size: FieldSource {
    static var command: Field.Command { Command.recipeCommand }
    static var group: FieldGroup { .size }
  }
  enum Start: FieldSource {
    static var command: Field.Command { Command.recipeCommand }
    static var group: FieldGroup { .start }
  }
  enum Storage: FieldSource {
    static var command: Field.Command { Command.recipeCommand }
    static var group: FieldGroup { .storage }
  }
  enum Tuning: FieldSource {
    static var command: Field.Command { Command.recipeCommand }
    static var group: FieldGroup { .tuning }
  }
  enum OwnTexts: FieldSource {
    static var command: Field.Command { Command.recipeCommand }
    static var group: FieldGroup { .ownTexts }
  }
  enum Measuring: FieldSource {
    static var command: Field.Command { Command.recipeCommand }
    static var group: FieldGroup { .measuring }
  }

  func validate() throws {
    do throws(Fault) {
      _ = try recipe()
    } catch {
      throw ValidationError(error.reason)
    }
  }

  /// The recipe that the options make.
  ///
  /// - Throws: 64 `USAGE`.
  func recipe() throws(Fault) -> Recipe {
    let groups = [
      reading.given, scratch.given, size.given, start.given, storage.given, tuning.given,
      ownTexts.given, measuring.given,
    ]
    let given = groups.reduce(into: [:]) { $0.merge($1) { first, _ in first } }
    let command = Command.recipeCommand
    if places.adapter == nil, command == .convert {
      throw Fault(.usage, "USAGE", "--adapter is missing")
    }
    let recipe = try Recipe(
      GivenOptions(commandLine: given, command: command, isFromScratch: places.adapter == nil))
    if recipe.scratch != nil, places.adapter != nil {
      throw Fault(.usage, "USAGE", "--target-modules stands beside --adapter; choose one")
    }
    return recipe
  }

  /// Runs the job that the options make, or says what it would be; of several ranks the first says something.
  func run(
    _ shared: SharedOptions, restarts: Bool = false, ranks: Ranks = .one
  ) throws(Fault) {
    let recipe = try recipe()
    guard !places.dryRun else {
      if ranks.isFirst { try RecipeOutput.write(recipe, json: places.json) }
      return
    }
    var request = JobRequest(
      name: places.name, basePath: places.base,
      adapterPath: places.adapter, recipe: recipe, outputPath: places.output)
    request.restarts = restarts
    // Before the work: a key that is none must not cost it.
    let key = try places.signing.key()
    let session = try shared.session(base: places.base, pack: recipe.basesPath, ranks: ranks)
    let record = try JobRunner(session: session, request: request).run()
    guard ranks.isFirst else { return }
    if record.state == .done { try key?.sign(places.output) }
    try RecordOutput.write(record, json: places.json)
  }
}

/// Where a job's inputs are and what becomes of its result.
struct PlaceOptions: ParsableArguments {
  @Option(
    help: "Base model: a .gguf, a .safetensors with config.json beside it, or an HF directory.")
  var base: String

  @Option(
    help:
      "LoRA adapter: a directory, or the file with its tensors; tune without one trains from nothing."
  )
  var adapter: String?

  @Option(name: .shortAndLong, help: "The artifact to write.")
  var output: String

  @OptionGroup var signing: SigningOptions

  @Flag(help: "Print the recipe, every default filled in, and do nothing.")
  var dryRun = false

  @Flag(help: "Print one JSON document.")
  var json = false

  /// The job's name: the adapter's, else the result's without its extension.
  var name: String {
    if let adapter { return JobNames.derived(fromPath: adapter) }
    let stem = output.hasSuffix(".loraxs") ? String(output.dropLast(".loraxs".count)) : output
    return JobNames.derived(fromPath: stem)
  }
}
