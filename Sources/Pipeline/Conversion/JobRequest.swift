import Bases
import Checkpoints
public import Projection
public import Recipes

/// One job: what to do (`recipe`), with which base and adapter, if any, and where the result goes.
///
/// The recipe's values are read and set through the request itself.
@dynamicMemberLookup
public struct JobRequest: Sendable {
  /// What to do.
  public var recipe: Recipe
  /// Name of the job and stem of its files.
  public var name: String
  /// The base model.
  public var basePath: String
  /// The adapter; nil where the recipe starts from nothing.
  public var adapterPath: String?
  /// The artifact to write.
  public var outputPath: String
  /// Where a tuning checkpoint is kept while the run lasts; nil for beside the output.
  public var checkpointPath: String?
  /// Ignores an existing checkpoint.
  public var restarts = false

  /// A job of `recipe`.
  public init(
    name: String, basePath: String, adapterPath: String?, recipe: Recipe, outputPath: String
  ) {
    self.name = name
    self.basePath = basePath
    self.adapterPath = adapterPath
    self.recipe = recipe
    self.outputPath = outputPath
  }

  /// A conversion without data, for what a recipe has no need to say.
  public init(
    name: String, basePath: String, adapterPath: String, target: Recipe.Target,
    method: ProjectionMethod, outputPath: String
  ) {
    self.init(
      name: name, basePath: basePath, adapterPath: adapterPath,
      recipe: Recipe(target: target, method: method), outputPath: outputPath)
  }

  /// A job of a manifest.
  public init(plan: JobPlan, outputPath: String, checkpointPath: String? = nil) {
    self.init(
      name: plan.name, basePath: plan.basePath, adapterPath: plan.adapterPath,
      recipe: plan.recipe, outputPath: outputPath)
    self.checkpointPath = checkpointPath
  }

  /// A value of the recipe.
  public subscript<Value>(dynamicMember path: WritableKeyPath<Recipe, Value>) -> Value {
    get { recipe[keyPath: path] }
    set { recipe[keyPath: path] = newValue }
  }

  /// How many first directions of a module the job looks at, as far as that is known before it runs; nil for all.
  func leadingDirections(of module: LinearModule) -> Int? {
    if recipe.directions == .own { return 0 }
    var rank = LatentRank(0)
    if case .rank(let fixed) = recipe.target { rank = fixed }
    if recipe.directions == .top, recipe.startArtifactPath == nil, rank != 0 { return rank.square }
    return module.candidates(
      recipe.directions == .selected ? recipe.candidates : nil, rank: max(rank.output, rank.input))
  }
}

/// The parts of a recipe by the names that stages know.
extension JobRequest {
  /// How large the artifact may or must be.
  public typealias Target = Recipe.Target
  /// A data file.
  public typealias Data = Recipe.Data
  /// Examples for calibration or training.
  public typealias Examples = Recipe.Examples
  /// Texts of the model's own.
  public typealias OwnTexts = Recipe.OwnTexts
  /// Fine-tuning.
  public typealias Tuning = Recipe.Tuning
  /// A remainder of the LoRA.
  public typealias Residual = Recipe.Residual
  /// Other ways to spend the same bytes.
  public typealias Control = Recipe.Control
  /// Which directions are used.
  public typealias Directions = Recipe.Directions
  /// How a budget becomes ranks.
  public typealias Allocation = Recipe.Allocation
  /// What an artifact within a budget is made of.
  public typealias Form = Recipe.ArtifactForm
}
