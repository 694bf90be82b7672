public import ArgumentParser
import Bases
import Faults
import LinearAlgebra
import Pipeline
import Projection
import Training

/// `xspress tune`.
struct TuneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract: "Converts an adapter and fine-tunes the latents to recover its accuracy.",
    discussion: """
      The same command run again continues from its checkpoint.

      EXAMPLES
        xspress tune --base model.gguf --adapter my-lora --rank 16 --train train.jsonl \
      -o my-lora.loraxs
        xspress tune --base model.gguf --adapter my-lora --budget 96KB --train train.jsonl \
      --steps 400 --lr-search --eval test.jsonl -o my-lora.loraxs
        xspress tune --base model.gguf --adapter my-lora --budget 256KB --min-retained 0.95 \
      --train train.jsonl -o my-lora.loraxs
        xspress tune --base model.gguf --adapter my-lora --rank 32x8 --train self \
      --self-openings openings.jsonl -o my-lora.loraxs
      """)

  @OptionGroup var conversion: ConversionOptions

  @Option(help: "Training examples (JSONL); self: texts that the LoRA model writes itself.")
  var train: String

  @Option(help: "Start from this artifact's rank and directions instead of --rank.")
  var artifact: String?

  @Option(name: .customLong("init"), help: "First latents: zero, projected, calibrated or kfac.")
  var start: ProjectionMethod = .kfac

  @Option(help: "Coordinates of the optimiser: plain or whitened.")
  var coordinates: TuningOptions.Coordinates = .plain

  @Option(help: "kd: match the LoRA model; ce: match the completions; mix: half of each.")
  var objective: TuningOptions.Objective = .kd

  @Option(help: "Optimiser steps.")
  var steps = 100

  @Option(help: "Examples a step.")
  var batchSize = 16

  @Option(
    name: .customLong("lr"),
    help: ArgumentHelp(
      """
      Peak learning rate (default: 0.03, less beyond 96 output directions or from a start near the LoRA; 0.005 with a \
      residual).
      """
    ))
  var learningRate: Double?

  @Flag(help: "Halve or double the learning rate first while that helps on validation.")
  var lrSearch = false

  @Option(help: "Steps of linear warm-up.")
  var warmup = 10

  @Option(help: "Share of the training examples held out, or a JSONL file.")
  var validation = "0.05"

  @Option(help: "Steps between checkpoints.")
  var checkpointEvery = 50

  @Option(
    help: "Last steps on latents rounded as stored (default: half of them below int8, else none).")
  var quantizedSteps: Int?

  @Option(help: "Products of a step: bfloat16 takes half the time where the CPU has it.")
  var precision = ProductPrecision.float32

  @Flag(help: "Train the residual's vectors too, and not only the latents.")
  var tuneResidual = false

  @Flag(help: "Keep fewer activations and compute them again: less memory, a third more work.")
  var recompute = false

  @Option(
    help: ArgumentHelp(
      """
      Raise the rank until the artifact as stored retains this share of the LoRA's gain, by the lower end of its 95% \
      interval on rows held out for that (formats/manifest.md, 10); with --budget, spend an eighth of it, a quarter, \
      half, all. Where no size does, nothing is written.
      """))
  var minRetained: Double?

  @Flag(help: "Start over although there is a checkpoint.")
  var restart = false

  @Flag(help: "Print the record as one JSON document.")
  var json = false

  @OptionGroup var shared: SharedOptions

  func validate() throws {
    if conversion.rank == nil && conversion.budget == nil && artifact == nil && minRetained == nil
      && conversion.directions != .own
    {
      throw ValidationError("--rank, --budget, --artifact or --min-retained is needed")
    }
    if artifact != nil,
      conversion.rank != nil || conversion.budget != nil || minRetained != nil
        || conversion.residual != nil
    {
      throw ValidationError(
        "--artifact fixes the rank: no --rank, --budget, --min-retained or --residual")
    }
    if tuneResidual && conversion.residual == nil && artifact == nil {
      throw ValidationError("--tune-residual needs --residual, or an --artifact that has one")
    }
    if learningRate != nil && lrSearch {
      throw ValidationError("--lr and --lr-search exclude each other")
    }
    try CountBounds.check("steps", steps, CountBounds.steps)
    try CountBounds.check("batch-size", batchSize, CountBounds.batch)
    try CountBounds.check("checkpoint-every", checkpointEvery, CountBounds.steps)
    try CountBounds.check("warmup", warmup, 0...CountBounds.steps.upperBound)
    try CountBounds.check("quantized-steps", quantizedSteps, 0...CountBounds.steps.upperBound)
    if let learningRate, !(learningRate > 0 && learningRate.isFinite) {
      throw ValidationError("--lr must be positive")
    }
    if let minRetained, !(minRetained > 0 && minRetained <= 1) {
      throw ValidationError("--min-retained must be above 0 and at most 1")
    }
  }

  func run() throws {
    let session = try shared.session(base: conversion.base, pack: conversion.bases)
    let record = try JobRunner(session: session, request: try request()).run()
    try RecordOutput.write(record, json: json)
  }

  private func request() throws(Fault) -> JobRequest {
    let target: JobRequest.Target
    switch (try conversion.target(), minRetained) {
    case (.budget(let bytes, _), let share): target = .budget(bytes: bytes, minRetained: share)
    case (.rank(let rank), let share?): target = .minRetained(share, startingRank: rank)
    case (_, let share?): target = .minRetained(share, startingRank: .tall(8))
    case (let other, nil): target = other ?? .rank(0)
    }
    var request = conversion.request(target: target, method: start)
    request.storage = conversion.store ?? .standard(for: target, isTuned: true)
    request.startArtifactPath = artifact
    if request.calibration == nil && (start == .kfac || start == .calibrated || isWhitened) {
      request.calibration = OwnTextOptions.examples(train, limit: conversion.calibrateLimit)
    }
    request.restarts = restart
    var tuning = JobRequest.Tuning(data: OwnTextOptions.examples(train))
    tuning.options.objective = objective
    tuning.options.coordinates = coordinates
    tuning.options.steps = steps
    tuning.options.batchSize = batchSize
    tuning.learningRate = learningRate
    tuning.options.warmup = warmup
    tuning.options.checkpointInterval = checkpointEvery
    tuning.options.quantizedSteps = quantizedSteps ?? request.storage.quantizedSteps(of: steps)
    tuning.options.precision = precision
    tuning.options.recomputes = recompute
    tuning.options.tunesResidual = tuneResidual
    tuning.options.seed = conversion.seed
    tuning.searchesLearningRate = lrSearch
    if let fraction = Double(validation) {
      guard fraction >= 0, fraction < 1 else {
        throw Fault(.usage, "USAGE", "--validation \(validation) is not a share below 1 or a file")
      }
      tuning.validation = .fraction(fraction)
    } else {
      tuning.validation = .file(JobRequest.Data(path: validation))
    }
    request.tuning = tuning
    return request
  }

  private var isWhitened: Bool { coordinates == .whitened }
}

extension ProductPrecision: ExpressibleByArgument {}
extension TuningOptions.Objective: ExpressibleByArgument {}
extension TuningOptions.Coordinates: ExpressibleByArgument {}
