import Artifacts
import Bases
import Faults
import Projection
import Recipes
import Testing
import Training

/// Options of a command line that exclude each other, and defaults that follow from others.
@Suite struct RecipeRulesTests {
  /// A row of the table: options, the flag that is refused, and words of why.
  struct Refusal: Sendable, CustomStringConvertible {
    let options: [String: [String]]
    let flag: String
    let says: String
    var description: String { "--\(flag) \(says)" }

    init(_ flag: String, _ says: String, _ options: [String: String]) {
      (self.flag, self.says) = (flag, says)
      self.options = options.mapValues { [$0] }
    }
  }

  private static func recipe(
    _ options: [String: [String]], _ command: Field.Command = .tune
  ) throws -> Recipe {
    try Recipe(GivenOptions(commandLine: options, command: command))
  }

  /// `tune` with a training file and what `more` says.
  private func tuned(_ more: [String: String]) throws -> Recipe {
    var options = more.mapValues { [$0] }
    options["tune.data"] = ["t.jsonl"]
    return try Self.recipe(options)
  }

  private func converted(_ options: [String: String]) throws -> Recipe {
    try Self.recipe(options.mapValues { [$0] }, .convert)
  }

  // MARK: - What excludes what

  static let ofConvert = [
    Refusal("rank", "own, which have the adapter's ranks", ["directions": "own", "rank": "4"]),
    Refusal("control", "which have none", ["directions": "own", "controls": "top"]),
    Refusal("control", "vera needs --train", ["controls": "vera", "rank": "4"]),
    Refusal("residual", "nothing to keep", ["directions": "own", "residual": "2"]),
    Refusal("form", "needs a --budget", ["form": "pairs", "rank": "4"]),
    Refusal(
      "form", "stands beside --residual", ["form": "pairs", "budget": "9KB", "residual": "2"]),
    Refusal("rank", "needs chosen directions", ["directions": "top", "rank": "4x2"]),
    Refusal("rank", "leaves nothing without --residual", ["rank": "0"]),
    Refusal("method", "kfac needs --calibrate", ["method": "kfac", "rank": "4"]),
    Refusal("budget", "choose one", ["rank": "4", "budget": "9KB"]),
  ]

  static let ofTune = [
    Refusal(
      "form", "which raises ranks of directions",
      ["form": "pairs", "budget": "9KB", "min_retained": "0.9"]),
    Refusal("residual", "which fixes it", ["artifact": "a.loraxs", "residual": "2"]),
    Refusal(
      "lr", "stands beside --lr-search", ["rank": "4", "tune.lr": "1e-2", "tune.lr_search": "true"]),
    Refusal("tune-residual", "needs --residual", ["rank": "4", "tune.residual": "true"]),
    Refusal("below-minimum", "needs --min-retained", ["rank": "4", "below_minimum": "keep"]),
  ]

  @Test(arguments: ofConvert)
  func convertRefuses(row: Refusal) throws {
    try expect(row, .convert, row.options)
  }

  @Test(arguments: ofTune)
  func tuneRefuses(row: Refusal) throws {
    try expect(row, .tune, row.options.merging(["tune.data": ["t.jsonl"]]) { $1 })
  }

  private func expect(
    _ row: Refusal, _ command: Field.Command, _ options: [String: [String]]
  ) throws {
    let fault = try #require(throws: Fault.self) { _ = try Self.recipe(options, command) }
    #expect(fault.code == "USAGE" && fault.exitCode == 64)
    #expect(fault.reason.contains("--\(row.flag) ") && fault.reason.contains(row.says), "\(fault)")
    // Without the option that is refused there is nothing to say of it.
    var others = options
    for key in options.keys where Field.byKey[key]?.flag == row.flag { others[key] = nil }
    if let left = try? Self.recipe(others, command) { #expect(left.conflict == nil) }
  }

  /// Recipes that are made in code are held to the same rules.
  @Test func recipesOfCodeAreChecked() throws {
    var recipe = Recipe(target: .rank(4), method: .kfac)
    let fault = try #require(throws: Fault.self) { try recipe.check() }
    #expect(fault.code == "JOB-OPTIONS" && fault.reason.hasPrefix("method kfac needs"))
    recipe.calibration = .file(Recipe.Data(path: "t.jsonl"))
    try recipe.check()
    recipe.target = .budget(bytes: 9000, minRetained: 0.9)
    #expect(throws: Fault.self) { try recipe.check() }
  }

  // MARK: - What follows from what

  @Test func whatTrainsCalibrates() throws {
    let plain = try tuned(["rank": "4"])
    #expect(plain.calibration?.path == "t.jsonl")
    #expect(plain.calibration?.limit == Recipe.calibrationLimit && plain.method == .kfac)
    let own = try tuned(["rank": "4", "calibrate.data": "c.jsonl", "calibrate.limit": "9"])
    #expect(own.calibration?.path == "c.jsonl" && own.calibration?.limit == 9)
    // The limit alone is of the training examples.
    #expect(try tuned(["rank": "4", "calibrate.limit": "9"]).calibration?.limit == 9)
    #expect(try converted(["rank": "4"]).calibration == nil)
    #expect(try converted(["rank": "4"]).method == .projected)
  }

  @Test func storageFollowsTheSize() throws {
    #expect(try converted(["rank": "4"]).storage == .int8)
    let budget = try tuned(["budget": "9KB"])
    #expect(budget.choosesStorage && budget.storages.count > 1)
    let given = try tuned(["budget": "9KB", "store": "int4"])
    #expect(!given.choosesStorage && given.storages == [.int4])
    // Pairs have widths of their own.
    #expect(try !tuned(["budget": "9KB", "form": "pairs"]).choosesStorage)
  }

  @Test func oneSeedIsAllSeeds() throws {
    #expect(try tuned(["rank": "4", "seed": "7"]).tuning?.options.seed == 7)
    let two = try tuned(["rank": "4", "seed": "7", "tune.seed": "9"])
    #expect(two.seed == 7 && two.tuning?.options.seed == 9)
  }

  @Test func roundedStepsFollowStorage() throws {
    let (fine, coarse) = (
      try tuned(["rank": "4", "store": "int8"]), try tuned(["rank": "4", "store": "int3"])
    )
    #expect(fine.tuning?.options.quantizedSteps == 0)
    #expect(coarse.tuning?.options.quantizedSteps ?? 0 > 0)
    let given = try tuned(["rank": "4", "store": "int3", "tune.quantized_steps": "3"])
    #expect(given.tuning?.options.quantizedSteps == 3)
  }
}
