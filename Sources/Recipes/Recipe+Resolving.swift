import Artifacts
import Bases
package import Faults
import Projection
import Training

extension Recipe {
  /// How many training examples calibrate where nobody says.
  package static let calibrationLimit = 256

  /// The recipe that somebody's options make, with every default filled in.
  ///
  /// - Throws: What refuses the source: 64 `USAGE` on a command line, 65 `MF-VALUE` in a manifest, naming the field.
  package init(_ given: GivenOptions) throws(Fault) {
    self.init(target: .own, method: .projected)
    if given.sections.contains("tune") {
      guard given.isGiven("tune.data") else {
        throw given.missing("\(given.name("tune.data")) is missing")
      }
      tuning = Tuning(data: .own(limit: nil))
    }
    if given.sections.contains("scratch") { startFromNothing() }
    for field in Field.all { try apply(field, of: given) }
    try resolveTarget(given)
    try resolveCalibration(given)
    if evaluation == nil, given.sections.contains("evaluate") {
      throw given.missing("\(given.name("evaluate.data")) is missing")
    }
    if scratch == nil, !given.isGiven("method"), !given.isGiven("tune.init") {
      method = calibration == nil ? .projected : .kfac
    }
    if !given.isGiven("store") {
      storage = .standard(for: target, isTuned: tuning != nil)
      choosesStorage = leavesStorage
    }
    if !given.isGiven("tune.quantized_steps"), let steps = tuning?.options.steps {
      tuning?.options.quantizedSteps = storage.quantizedSteps(of: steps)
    }
    if !given.isGiven("tune.seed") { tuning?.options.seed = seed }
    let idle = given.isCommandLine ? idleOption(given) : nil
    if let (key, reason) = conflict ?? idle { throw given.refusal(of: key, reason(given.name)) }
  }

  /// The defaults of a job without an adapter: first directions (measured against chosen ones in `golden/recovery/NOTES.md`),
  /// the base as the start, the completions as what is learned.
  private mutating func startFromNothing() {
    scratch = Scratch()
    directions = .top
    method = .zero
    calibrationModel = .base
    tuning?.options.objective = .ce
  }

  private mutating func apply(_ field: Field, of given: GivenOptions) throws(Fault) {
    guard let value = given.values[field.key] else { return }
    guard field.set(value.texts, &self) else {
      let found = value.texts.joined(separator: " ")
      throw value.refusal("\"\(found)\" is not \(field.form.expectation)")
    }
  }

  /// Whether the way a budget is stored is part of what is looked for.
  private var leavesStorage: Bool {
    guard case .budget(_, nil) = target else { return false }
    return directions == .selected && residual == nil && form ?? .directions == .directions
  }

  /// One of rank, budget, a minimum, or an artifact's rank; none for the adapter's own directions.
  private func sizes(_ given: GivenOptions) -> [String] {
    ["rank", "budget", "min_retained", "artifact"].filter(given.isGiven)
  }

  private mutating func resolveTarget(_ given: GivenOptions) throws(Fault) {
    let sizes = sizes(given)
    if directions == .own {
      guard let size = sizes.first else { return target = .own }
      throw given.refusal(
        of: size,
        "stands beside \(given.name("directions")) own, which have the adapter's ranks")
    }
    // A minimum raises the rank or the part of the budget that stands beside it.
    let choices = sizes.filter { $0 != "min_retained" }
    if choices.count > 1 || (sizes.contains("artifact") && sizes.count > 1) {
      throw given.refusal(
        of: sizes[1], "stands beside \(given.name(sizes[0])); choose one")
    }
    guard !sizes.isEmpty else {
      let names = ["rank", "budget", "min_retained"].map(given.name)
      throw given.missing("needs one of \(names.joined(separator: ", "))")
    }
    if sizes == ["artifact"] { target = .rank(0) }
  }

  /// Examples for calibration: those that were named, else the first training examples where something weighs by them.
  private mutating func resolveCalibration(_ given: GivenOptions) throws(Fault) {
    if calibration == nil, let tuning {
      let isAsked = given.sections.contains("calibrate")
      let isFitted =
        scratch == nil && !given.isGiven("tune.init") && !given.isGiven("method")
        || [.kfac, .calibrated].contains(method)
      if isAsked || isFitted || directions == .selected || tuning.options.coordinates == .whitened {
        calibration = Examples(path: tuning.data.path, limit: nil)
      }
    }
    guard calibration != nil else {
      guard !given.sections.contains("calibrate") else {
        throw given.missing("\(given.name("calibrate.data")) is missing")
      }
      return
    }
    calibration?.limit = Recipe.calibrationLimit
    if let limit = Field.byKey["calibrate.limit"] { try apply(limit, of: given) }
  }
}
