extension JobOptions {
  /// Whether the LoRA model writes calibration or training texts itself.
  var usesOwnTexts: Bool {
    [calibration, tuning?.data].compactMap(\.self).contains { $0.path == nil }
  }

  /// The file of openings, where texts are the model's own and a file is given.
  var openingsPath: String? { usesOwnTexts ? ownTexts?.openingsPath : nil }

  /// One `key value` line for each decision, in a fixed order; what the plan digest is taken over.
  ///
  /// Data files appear by role and limit only: their contents enter the digest on their own.
  public var canonicalText: String {
    var lines: [String] = []
    func add(_ key: String, _ value: (some CustomStringConvertible)?) {
      if let value { lines.append("\(key) \(value)") }
    }
    switch target {
    case .own: break
    case .rank(let rank): add("rank", rank)
    case .budget(let bytes, let share):
      add("budget", bytes)
      add("min_retained", share)
    case .minRetained(let share): add("min_retained", share)
    }
    add("format", format)
    add("dora", dora)
    add("directions", directions)
    add("candidates", candidates)
    add("form", form)
    add("allocation", allocation)
    add("method", method)
    add("store", store)
    add("residual", residual?.size)
    add("residual_store", residual?.bits.rawValue)
    add("carry_store", carryStore)
    add("embed_bases", embedsBases)
    add("seed", seed)
    func add(limit: Int?, as key: String) {
      lines.append("\(key) limit \(limit.map(String.init) ?? "all")")
    }
    func add(examples: ExamplesChoice?, as key: String) {
      guard let examples else { return }
      add(limit: examples.limit, as: examples.path == nil ? "\(key) self" : key)
    }
    add(examples: calibration, as: "calibrate")
    if let evaluation {
      add(limit: evaluation.limit, as: "evaluate")
      if evaluation.skip > 0 { add("evaluate skip", evaluation.skip) }
    }
    if let ownTexts, usesOwnTexts {
      add("self.texts", ownTexts.count)
      add("self.length", ownTexts.length)
      add("self.writer", ownTexts.writer)
      add("self.temperature", ownTexts.temperature)
      add("self.top_p", ownTexts.topP)
    }
    if let tuning {
      add(examples: tuning.data, as: "tune")
      add("tune.objective", tuning.objective)
      add("tune.init", tuning.start)
      add("tune.coordinates", tuning.coordinates)
      add("tune.steps", tuning.steps)
      add("tune.batch_size", tuning.batchSize)
      add("tune.lr", tuning.learningRate)
      add("tune.lr_search", tuning.searchesLearningRate)
      add("tune.warmup", tuning.warmup)
      add("tune.validation", tuning.validationShare)
      add("tune.quantized_steps", tuning.quantizedSteps)
      add("tune.precision", tuning.precision)
      add("tune.residual", tuning.tunesResidual)
      add("tune.patience", tuning.patience)
      // `checkpoint_every` and `recompute` change no result, so they are left out.
      add("tune.seed", tuning.seed)
    }
    for control in controls { add("control", control.rawValue) }
    return lines.map { $0 + "\n" }.joined()
  }
}
