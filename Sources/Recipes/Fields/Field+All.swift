import Adapters
import Artifacts
import Bases
import Models
import Projection
import Training

extension Field {
  /// Every option, in the order of help and of the digest.
  ///
  /// A new one is one row here and a value of `Recipe`.
  package static let all: [Field] =
    adapterFields + scratchFields + sizeFields + startFields + storageFields + tuningFields
    + ownTextFields
    + measuringFields

  /// The fields by key.
  package static let byKey = Dictionary(uniqueKeysWithValues: all.map { ($0.key, $0) })

  /// What counts rows, texts, steps or the like is multiplied, allocated or waited for somewhere.
  private enum Counts {
    static let items = 1...1_000_000_000
    static let directions = 1...1_000_000
    static let steps = 1...10_000_000
    static let skipped = 0...1_000_000_000
  }

  private static let adapterFields = [
    Field(
      "format", \.adapterFormat, .optional(.word()), .adapter, standard: "found by content",
      "The adapter's dialect (`adapters.md` §1)."),
    Field(
      "dora", \.magnitudes, .word(), .adapter,
      "DoRA's magnitudes: approximate makes their effect part of the update, keep carries one number a row."
    ),
  ]

  private static let scratchFields = [
    Field(
      "scratch.modules", .modules, .scratch, flag: "target-modules", commands: [.tune],
      standard: TargetModules.allLinear,
      "Modules that are trained from nothing: ends of their paths, or expressions that cover them.",
      get: { $0.scratch?.modules }, set: { $0.scratch = Recipe.Scratch(modules: $1) })
  ]

  private static let sizeFields = [
    Field(
      "rank", .rank, .size, standard: Field.absent,
      "Directions in every module: 16 a side, or 32 output and 8 input ones; with min_retained, the first to be tried.",
      get: { recipe in
        switch recipe.target {
        case .rank(let rank), .minRetained(_, startingRank: let rank): rank
        case .budget, .own: nil
        }
      }, set: { $0.target = .rank($1) }),
    Field(
      "budget", .size, .size, standard: Field.absent,
      "Largest artifact; its form, shape and bits are those that serve most in it.",
      get: \.target.budget,
      set: { $0.target = .budget(bytes: $1) }),
    Field(
      "min_retained", .number(0.001...1), .size, commands: [.tune], standard: Field.absent,
      "Share of the LoRA's gain that must be kept (`manifest.md` §10): ranks up to 64 are tried, or an eighth, a quarter, half and all of the budget.",
      get: { $0.target.minRetained },
      set: { recipe, share in
        switch recipe.target {
        case .rank(let rank): recipe.target = .minRetained(share, startingRank: rank)
        case .budget(let bytes, _): recipe.target = .budget(bytes: bytes, minRetained: share)
        case .own, .minRetained: recipe.target = .minRetained(share, startingRank: .tall(8))
        }
      }),
    Field(
      "below_minimum", .word(), .size, commands: [.tune], standard: "reject", effect: .measurements,
      "Where no size keeps min_retained: reject the job, or keep the LoRA as it is, without an artifact.",
      get: { $0.target.minRetained == nil ? nil : $0.belowMinimum }, set: { $0.belowMinimum = $1 }),
    Field(
      "form", \.form, .optional(.word()), .size,
      standard: "the better of directions and pairs, found by a short race",
      "What a budget buys (`manifest.md` §11): directions of the base, pairs of the adapter's vectors, or both."
    ),
    Field(
      "allocation", \.allocation, .word(), .size,
      "How a budget becomes ranks: one shape for all, or module by module."),
    Field(
      "artifact", \.startArtifactPath, .optional(.file), .size, commands: [.tune],
      "Start from this artifact's rank, directions and latents."),
    Field(
      "pack", \.basesPath, .optional(.file), .size, flag: "bases",
      "Take bases from this .xsbases pack instead of an SVD."),
    Field(
      "directions", \.directions, .word(), .size, standard: "selected; without an adapter top",
      "selected: chosen by energy; top: the first ones, as in the paper; own: the adapter's, embedded, with its ranks."
    ),
    Field(
      "candidates", \.candidates, .optional(.integer(Counts.directions)), .size,
      standard: "all of a module of up to 1024 features a side, 256 of a larger one",
      "Consider the first so many directions of a module."),
    Field(
      "residual", .pairs, .size,
      "Pairs of vectors of the LoRA kept beside every latent, or about how many bytes of them where they serve most.",
      get: { $0.residual?.size }, set: { $0.residual = Recipe.Residual(size: $1) }),
    Field(
      "residual_store", .word(), .size, standard: "int4 for pairs; for a size, as serves most",
      "How finely the residual's vectors are stored at most.",
      get: { $0.residual?.bits }, set: { $0.residual?.bits = $1 }),
  ]

  private static let startFields = [
    Field(
      "method", \.method, .word([.projected, .calibrated, .kfac]), .start, commands: [.convert],
      standard: "kfac where examples calibrate, else projected",
      "The latents' fit: to the update, to outputs over the examples, or weighed by the loss."),
    Field(
      "tune.init", .word(), .start, commands: [.tune],
      standard: "method; without an adapter zero",
      "The latents that tuning starts from; normal: numbers of deviation 1e-5, as in the paper, where there is no adapter.",
      get: { (_: Recipe) -> ProjectionMethod? in nil }, set: { $0.method = $1 }),
    Field(
      "calibrate.data", \.calibration, .optional(.examples), .start, flag: "calibrate",
      standard: "the training examples",
      "Examples for calibration."),
    Field(
      "calibrate.limit", .integer(Counts.items), .start, flag: "calibrate-limit",
      standard: "\(Recipe.calibrationLimit)",
      "The first so many of them.",
      get: { $0.calibration?.limit }, set: { $0.calibration?.limit = $1 }),
    Field(
      "calibrate.model", .word(), .start, flag: "calibrate-model",
      standard: "adapter; where there is none, base",
      "Whose second moments weigh errors: the LoRA model's, or the base's own, which all adapters on it share.",
      get: { $0.calibration == nil ? nil : $0.calibrationModel }, set: { $0.calibrationModel = $1 }
    ),
    Field(
      "seed", \.seed, .seed, .start,
      "Seed of label sampling, splits, canonical coordinates, intervals and, where it has none of its own, tuning."
    ),
  ]

  private static let storageFields = [
    Field(
      "store", .word(), .storage, standard: "int8; for a budget what the race finds",
      "How latents are stored.",
      get: { $0.choosesStorage ? nil : $0.storage },
      set: {
        $0.storage = $1
        $0.choosesStorage = false
      }),
    Field(
      "carry_store", \.carriedStorage, .optional(.word()), .storage, standard: "exactly",
      "How parameters beside the latents (saved modules, token rows) are stored."),
    Field(
      "embed_bases", \.embedsBases, .truth, .storage,
      "Write the bases into the artifact, so that a loader needs no SVD."),
  ]

  private static let tuningFields: [Field] = [
    .tuning(
      "data", \.data, .examples, flag: "train", standard: Field.required, "Training examples."),
    .tuning(
      "limit", \.data.limit, .optional(.integer(Counts.items)), flag: "train-limit",
      standard: "all",
      "The first so many of them."),
    .tuning(
      "validation", \.validation, .validation,
      "Share of the training examples held out, at most 256 of them, or a file."),
    .tuning(
      "objective", \.options.objective, .word(), standard: "kd; without an adapter ce",
      "kd: match the LoRA model; ce: match the completions; mix: half of each."),
    .tuning("coordinates", \.options.coordinates, .word(), "Coordinates of the optimiser."),
    .tuning("steps", \.options.steps, .integer(Counts.steps), "Optimiser steps."),
    .tuning("batch_size", \.options.batchSize, .integer(1...65_536), "Examples a step."),
    .tuning(
      "lr", \.learningRate, .optional(.number(1e-9...1e3)),
      standard:
        "0.03, less beyond 96 output directions, 0.015 beside a residual; less from a start near the LoRA; without an adapter "
        + "1.6 / rank, 0.3 at most, a tenth of that for a head for classes",
      "Peak learning rate."),
    .tuning(
      "lr_search", \.searchesLearningRate, .truth,
      "Halve or double the learning rate first while that helps on validation."),
    .tuning(
      "warmup", \.options.warmup, .integer(0...Counts.steps.upperBound),
      "Steps of linear warm-up."),
    .tuning(
      "patience", \.options.patience, .optional(.integer(1...10_000)),
      standard: "never stops early",
      "Validations without improvement before it stops."),
    .tuning(
      "quantized_steps", \.options.quantizedSteps, .integer(0...Counts.steps.upperBound),
      standard: "half of them below int8, else none",
      "Last steps on latents rounded as stored."),
    .tuning(
      "residual", \.options.tunesResidual, .truth, flag: "tune-residual",
      "Train the residual's vectors too, and not only the latents."),
    .tuning(
      "precision", \.options.precision, .word(),
      "Products of a step: bfloat16 takes half the time where the CPU is quick at it."),
    .tuning(
      "recompute", \.options.recomputes, .truth, effect: .nothing,
      "Keep fewer activations and compute them again: less memory, a third more work."),
    .tuning(
      "checkpoint_every", \.options.checkpointInterval, .integer(Counts.steps), effect: .nothing,
      "Steps between checkpoints."),
    .tuning(
      "seed", \.options.seed, .seed, flag: "tune-seed", standard: "seed",
      "Seed of the data order and the validation split."),
  ]

  private static let ownTextFields: [Field] = [
    Field(
      "self.openings", .file, .ownTexts, flag: "self-openings", standard: "built in",
      "How the texts begin (JSONL: opening, then, length, end).",
      get: { $0.usesOwnTexts ? $0.ownTexts.openingsPath : nil },
      set: { $0.ownTexts.openingsPath = $1 }),
    .ownTexts("texts", \.options.count, .integer(1...10_000_000), "Number of texts."),
    .ownTexts(
      "length", \.options.length, .integer(1...1_000_000),
      "At most so many tokens in each part that the model writes."),
    .ownTexts(
      "writer", \.options.writer, .word(),
      "Who writes prompts, and texts without a completion of their own."),
    .ownTexts(
      "temperature", \.options.temperature, .number(0.01...100), "Temperature of the draws."),
    .ownTexts(
      "top_p", \.options.topP, .number(0.001...1),
      "Draw among the most likely tokens that hold this share of the probability."),
  ]

  private static let measuringFields = [
    Field(
      "evaluate.data", \.evaluation, .optional(.data), .measuring, flag: "eval",
      standard: "not measured",
      effect: .measurements, "Examples for the accuracy block."),
    Field(
      "evaluate.limit", .integer(Counts.items), .measuring, flag: "eval-limit", standard: "all",
      effect: .measurements, "The first so many of them.",
      get: { $0.evaluation?.limit }, set: { $0.evaluation?.limit = $1 }),
    Field(
      "evaluate.skip", .integer(Counts.skipped), .measuring, flag: "eval-skip", standard: "0",
      effect: .measurements, "Examples at the start of the file that are passed over.",
      get: { $0.evaluation?.skip }, set: { $0.evaluation?.skip = $1 }),
    Field(
      "evaluate.precision", .word(), .measuring, flag: "eval-precision", standard: "float32",
      effect: .measurements,
      "Products of what is measured: bfloat16 takes half the time where the CPU is quick at it.",
      get: { $0.evaluation?.precision }, set: { $0.evaluation?.precision = $1 }),
    Field(
      "controls", \.controls, .words(), .measuring, flag: "control", standard: Field.absent,
      effect: .measurements,
      "Other ways to spend the bytes, measured beside the result: the paper's directions, a start from zero and random bases, tuned alike; the LoRA cut by SVD, or as sparse signs (ComPEFT), also distilled; other forms; LoRA and VeRA trained from nothing."
    ),
  ]
}
