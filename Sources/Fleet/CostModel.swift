import Checkpoints
import Faults
import Files
import Models
import Recipes
import Training

/// What groups of jobs take at their peak: by arithmetic, and by what jobs before them took.
///
/// Arithmetic knows weights, activations and adapters, and is on the safe side of what it leaves out; a peak of the same base
/// and recipe is better, and one of the same base says by how much arithmetic is off.
package struct CostModel: Sendable {
  /// The program with its threads' buffers.
  private static let program = 192 << 20
  private static let thread = 24 << 20
  /// What arithmetic leaves out: copies in other layouts and types, gaps between blocks.
  private static let slack = 1.5
  /// What two runs of one job may differ in.
  private static let spread = 1.1
  /// Examples of a batch (`Calibration`, `Tuner`).
  private static let batchSize = 16

  /// Peaks by ``JobGroup/key``, of as many threads.
  private var peaks: [String: Int] = [:]
  /// How far arithmetic was off, by base and whether the model ran.
  private var ratios: [String: Double] = [:]
  private var models: [String: Model?] = [:]
  /// Tokens of an example, by file.
  private var tokenCounts: [String: Int] = [:]

  /// What is known of a base by its header.
  private struct Model: Sendable {
    var configuration: DecoderConfiguration
    var weights: Int
    var decomposition: Int
  }

  /// Arithmetic alone.
  package init() {}

  /// The peak of `group` on `threads` threads, in bytes.
  package mutating func estimate(_ group: JobGroup, threads: Int) -> Int {
    let computed = arithmetic(group, threads: threads)
    if let peak = peaks["\(threads)\n\(group.key)"] {
      return Int(CostModel.spread * Double(peak))
    }
    let ratio = ratios[kind(group)].map { $0 * CostModel.spread } ?? CostModel.slack
    return Int(ratio * Double(computed))
  }

  /// Takes in what `group` took.
  package mutating func observe(_ group: JobGroup, threads: Int, peak: Int) {
    let key = "\(threads)\n\(group.key)"
    peaks[key] = max(peaks[key] ?? 0, peak)
    let ratio = Double(peak) / Double(max(arithmetic(group, threads: threads), 1))
    ratios[kind(group)] = max(ratios[kind(group)] ?? 0, ratio)
  }

  private func kind(_ group: JobGroup) -> String {
    "\(group.base)\n\(CostModel.runsModel(group.plans.first?.recipe))\n\(group.isStacked)"
  }

  /// Whether a job needs the decoded weights of the base.
  private static func runsModel(_ recipe: Recipe?) -> Bool {
    guard let recipe else { return false }
    return recipe.calibration != nil || recipe.tuning != nil || recipe.evaluation != nil
  }

  private mutating func arithmetic(_ group: JobGroup, threads: Int) -> Int {
    guard let plan = group.plans.first else { return 0 }
    var bytes = CostModel.program + threads * CostModel.thread
    bytes += 2 * group.bytes
    guard let model = model(plan.basePath) else { return bytes }
    bytes += threads * model.decomposition
    guard CostModel.runsModel(plan.recipe) else { return bytes }
    let tokens = CostModel.batchSize * tokens(plan.recipe)
    bytes +=
      model.weights
      + threads * Decoder.byteCount(of: model.configuration, tokens: tokens, recomputes: false)
    return bytes
  }

  /// Tokens of an example, by the bytes of the first ones of a file: some four make a token.
  private mutating func tokens(_ recipe: Recipe) -> Int {
    let path =
      recipe.tuning?.data.path ?? recipe.calibration?.path ?? recipe.evaluation?.path
    guard let path else { return 2 * recipe.ownTexts.options.length }
    if let known = tokenCounts[path] { return known }
    let count = CostModel.tokens(path, else: 2 * recipe.ownTexts.options.length)
    tokenCounts[path] = count
    return count
  }

  private static func tokens(_ path: String, else standard: Int) -> Int {
    guard let file = try? InputFile(path),
      let bytes = try? file.read(at: 0, count: min(file.byteCount, 1 << 16))
    else { return standard }
    return bytes.count / max(bytes.count { $0 == UInt8(ascii: "\n") }, 1) / 4 + 1
  }

  private mutating func model(_ path: String) -> Model? {
    if let known = models[path] { return known }
    let found: Model? = (try? BaseCheckpoint.open(path)).map { base in
      let sides = base.linearModules.map {
        (short: min($0.outFeatures, $0.inFeatures), long: max($0.outFeatures, $0.inFeatures))
      }
      return Model(
        configuration: base.configuration, weights: DecoderWeights.byteCount(held: base),
        // The weight and three such matrices in Float64, of which only leading directions where it is large.
        decomposition: sides.map { 28 * min($0.short, 1024) * $0.long }.max() ?? 0)
    }
    models[path] = .some(found)
    return found
  }
}
