public import Adapters
public import ArgumentParser
import Artifacts
import Bases
import Faults
import Pipeline
import Projection

/// Options that `convert` and `tune` share.
struct ConversionOptions: ParsableArguments {
  @Option(
    help: "Base model: a .gguf, a .safetensors with config.json beside it, or an HF directory.")
  var base: String

  @Option(help: "LoRA adapter: a directory, or the file with its tensors.")
  var adapter: String

  @Option(
    help: "The adapter's dialect (default: found by content): \(AdapterDialect.names).")
  var format: AdapterDialect?

  @Option(
    help: ArgumentHelp(
      "DoRA's magnitudes; approximate: their effect becomes part of the update; keep: carried, one number a row."
    ))
  var dora: MagnitudeHandling = .approximate

  @Option(
    help: "Directions in every module: 16 for 16 a side, 32x8 for 32 output and 8 input ones.")
  var rank: LatentRank?

  @Option(help: "Largest artifact, such as 64KB; its form, shape and bits are those that serve most in it.")
  var budget: String?

  @Option(
    help: ArgumentHelp(
      "What a budget buys: directions of the base, pairs of the adapter's own vectors, or both (default: the better of the first two, found by a short race)."
    ))
  var form: JobRequest.Form?

  @Option(help: "Ranks in a budget: uniform: one shape for all; energy: module by module.")
  var allocation: JobRequest.Allocation = .uniform

  @Option(
    help: ArgumentHelp(
      "selected: chosen by energy; top: the first ones, the paper's choice; own: the adapter's own, embedded, without --rank."
    ))
  var directions: JobRequest.Directions = .selected

  @Option(help: "Consider only the first K directions of a module (default: all).")
  var candidates: Int?

  @Option(help: "Examples for calibration (JSONL); self: texts that the LoRA model writes itself.")
  var calibrate: String?

  @Option(help: "Use the first N calibration examples.")
  var calibrateLimit = 256

  @Option(
    help:
      "How latents are stored: f32, f16, bf16, int8, int4, int3 or int2 (default: int8; int3 for tune --budget)."
  )
  var store: LatentStorage?

  @Option(
    help: """
      Keep K pairs of vectors of the LoRA in every module beside the latent, or about SIZE of them where they \
      serve most, such as 64KB.
      """)
  var residual: JobRequest.Residual.Size?

  @Option(
    help: """
      How finely the residual's vectors are stored at most: int8, int4, int3 or int2 (default: each as serves most \
      with SIZE, int4 with K).
      """)
  var residualStore: JobRequest.Residual.Bits?

  @Option(
    help: ArgumentHelp(
      "How parameters carried beside the latents (saved modules, token rows) are stored: f32, f16, bf16, int8 (default: exactly)."
    ))
  var carryStore: CarriedStorage?

  @Flag(help: "Write the bases into the artifact, so that a loader needs no SVD.")
  var embedBases = false

  @Option(help: "Take bases from this .xsbases pack instead of an SVD.")
  var bases: String?

  @Option(help: "Examples for the accuracy block (JSONL).")
  var eval: String?

  @Option(help: "Measure on the first N examples.")
  var evalLimit: Int?

  @Option(help: "Pass over the first N examples of --eval.")
  var evalSkip = 0

  @Option(help: "Seed of label sampling, splits, data order and canonical coordinates.")
  var seed: UInt64 = 0

  @Option(
    help:
      "Controls to measure beside the result: top, zero, random, truncated, ternary, forms (repeatable).")
  var control: [JobRequest.Control] = []

  @OptionGroup var ownTexts: OwnTextOptions

  @Option(name: .shortAndLong, help: "The artifact to write.")
  var output: String

  func validate() throws {
    if let rank, !rank.isSquare, directions == .top {
      throw ValidationError("--rank \(rank) needs chosen directions; top ones have one rank")
    }
    if directions == .own, rank != nil || budget != nil || !control.isEmpty {
      throw ValidationError(
        "--directions own has the adapter's ranks: without --rank, --budget and --control")
    }
    if rank != nil && budget != nil {
      throw ValidationError("--rank and --budget exclude each other")
    }
    if rank?.output == 0 && residual == nil {
      throw ValidationError("--rank 0 leaves nothing without --residual")
    }
    try CountBounds.check("candidates", candidates, CountBounds.items)
    try CountBounds.check("calibrate-limit", calibrateLimit, CountBounds.items)
    try CountBounds.check("eval-limit", evalLimit, CountBounds.items)
    try CountBounds.check("eval-skip", evalSkip, 0...CountBounds.items.upperBound)
  }

  /// The target that `--rank` or `--budget` name; nil without either.
  func target() throws(Fault) -> JobRequest.Target? {
    if directions == .own { return .own }
    if let rank { return .rank(rank) }
    if let budget { return .budget(bytes: try ByteSize.parse(budget)) }
    return nil
  }

  /// The request these options make, without tuning.
  func request(target: JobRequest.Target, method: ProjectionMethod) -> JobRequest {
    var request = JobRequest(
      name: JobNames.derived(fromPath: adapter), basePath: base, adapterPath: adapter,
      target: target, method: method, outputPath: output)
    request.adapterFormat = format
    request.magnitudes = dora
    request.directions = directions
    request.candidates = candidates
    request.form = form
    request.allocation = allocation
    request.calibration = calibrate.map { OwnTextOptions.examples($0, limit: calibrateLimit) }
    request.ownTexts = ownTexts.texts
    if let store { request.storage = store }
    request.residual = residual.map { JobRequest.Residual(size: $0, bits: residualStore) }
    request.carriedStorage = carryStore
    request.embedsBases = embedBases
    request.evaluation = eval.map { JobRequest.Data(path: $0, limit: evalLimit, skip: evalSkip) }
    request.controls = control
    request.seed = seed
    return request
  }
}

extension JobRequest.Directions: ExpressibleByArgument {}
extension JobRequest.Allocation: ExpressibleByArgument {}
extension JobRequest.Form: ExpressibleByArgument {}
extension JobRequest.Control: ExpressibleByArgument {}
extension MagnitudeHandling: ExpressibleByArgument {}
extension AdapterDialect: ExpressibleByArgument {}
extension CarriedStorage: ExpressibleByArgument {}
extension LatentStorage: ExpressibleByArgument {}
extension JobRequest.Residual.Bits: ExpressibleByArgument {}
extension JobRequest.Residual.Size: ExpressibleByArgument {}
extension ProjectionMethod: ExpressibleByArgument {}
extension LatentRank: ExpressibleByArgument {}
