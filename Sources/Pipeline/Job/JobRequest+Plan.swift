import Adapters
import Artifacts
import Bases
public import Faults
import Projection
import Training

extension JobRequest {
  /// The job of a manifest with the defaults of the command line filled in.
  ///
  /// - Throws: `MF-VALUE` for a word that is none of its field's.
  public init(plan: JobPlan, outputPath: String, checkpointPath: String? = nil) throws(Fault) {
    let options = plan.options
    let target: Target =
      switch options.target {
      case .own: .own
      case .rank(let rank): .rank(rank)
      case .budget(let bytes, let share): .budget(bytes: bytes, minRetained: share)
      case .minRetained(let share): .minRetained(share, startingRank: .tall(8))
      }
    let calibration =
      options.calibration.map { JobRequest.examples($0, limit: $0.limit ?? 256) }
      ?? options.tuning.map { JobRequest.examples($0.data, limit: 256) }
    let method = options.tuning?.start ?? options.method
    self.init(
      name: plan.name, basePath: plan.basePath, adapterPath: plan.adapterPath, target: target,
      method: try JobRequest.word(method) ?? (calibration == nil ? .projected : .kfac),
      outputPath: outputPath)
    self.calibration = calibration
    adapterFormat = try JobRequest.word(options.format)
    magnitudes = try JobRequest.word(options.dora) ?? .approximate
    directions = try JobRequest.word(options.directions) ?? .selected
    candidates = options.candidates
    form = try JobRequest.word(options.form)
    allocation = try JobRequest.word(options.allocation) ?? .uniform
    storage =
      try JobRequest.word(options.store) ?? .standard(for: target, isTuned: options.tuning != nil)
    residual = options.residual
    carriedStorage = try JobRequest.word(options.carryStore)
    embedsBases = options.embedsBases
    evaluation = options.evaluation.map { Data(path: $0.path, limit: $0.limit, skip: $0.skip) }
    if let texts = options.ownTexts { ownTexts = try JobRequest.ownTexts(texts) }
    seed = UInt64(options.seed)
    controls = try options.controls.map { (control) throws(Fault) in
      try JobRequest.word(control.rawValue) ?? .truncated
    }
    self.checkpointPath = checkpointPath
    tuning = try options.tuning.map { (tuning) throws(Fault) in
      try JobRequest.tuning(tuning, storage: storage)
    }
  }

  private static func examples(_ choice: JobOptions.ExamplesChoice, limit: Int?) -> Examples {
    choice.path.map { .file(Data(path: $0, limit: limit)) } ?? .own(limit: limit)
  }

  private static func ownTexts(_ plan: JobOptions.OwnTexts) throws(Fault) -> OwnTexts {
    var texts = OwnTexts()
    texts.openingsPath = plan.openingsPath
    texts.options.count = plan.count ?? texts.options.count
    texts.options.length = plan.length ?? texts.options.length
    texts.options.writer = try word(plan.writer) ?? texts.options.writer
    texts.options.temperature = plan.temperature ?? texts.options.temperature
    texts.options.topP = plan.topP ?? texts.options.topP
    return texts
  }

  private static func tuning(
    _ plan: JobOptions.Tuning, storage: LatentStorage
  ) throws(Fault) -> Tuning {
    var tuning = Tuning(data: examples(plan.data, limit: plan.data.limit))
    if let path = plan.validationPath { tuning.validation = .file(Data(path: path)) }
    if let share = plan.validationShare { tuning.validation = .fraction(share) }
    tuning.searchesLearningRate = plan.searchesLearningRate ?? false
    tuning.options.objective = try word(plan.objective) ?? tuning.options.objective
    tuning.options.coordinates = try word(plan.coordinates) ?? tuning.options.coordinates
    tuning.options.steps = plan.steps ?? tuning.options.steps
    tuning.options.batchSize = plan.batchSize ?? tuning.options.batchSize
    tuning.learningRate = plan.learningRate
    tuning.options.warmup = plan.warmup ?? tuning.options.warmup
    tuning.options.checkpointInterval = plan.checkpointEvery ?? tuning.options.checkpointInterval
    tuning.options.quantizedSteps =
      plan.quantizedSteps ?? storage.quantizedSteps(of: tuning.options.steps)
    tuning.options.precision = try word(plan.precision) ?? tuning.options.precision
    tuning.options.recomputes = plan.recomputes ?? false
    tuning.options.tunesResidual = plan.tunesResidual ?? false
    tuning.options.patience = plan.patience
    tuning.options.seed = UInt64(plan.seed ?? 0)
    return tuning
  }

  private static func word<Word: RawRepresentable<String>>(
    _ text: String?
  ) throws(Fault) -> Word? {
    guard let text else { return nil }
    guard let word = Word(rawValue: text) else {
      throw Fault(.badData, "MF-VALUE", "\"\(text)\" is not a value of this field")
    }
    return word
  }
}
