extension JobOptions {
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
    case .budget(let bytes): add("budget", bytes)
    case .minRetained(let share): add("min_retained", share)
    }
    add("format", format)
    add("dora", dora)
    add("directions", directions)
    add("candidates", candidates)
    add("method", method)
    add("store", store)
    add("carry_store", carryStore)
    add("embed_bases", embedsBases)
    add("seed", seed)
    func add(data: DataChoice?, as key: String) {
      if let data { lines.append("\(key) limit \(data.limit.map(String.init) ?? "all")") }
    }
    add(data: calibration, as: "calibrate")
    add(data: evaluation, as: "evaluate")
    if let tuning {
      add(data: tuning.data, as: "tune")
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
      add("tune.patience", tuning.patience)
      // `checkpoint_every` and `recompute` change no result, so they are left out.
      add("tune.seed", tuning.seed)
    }
    for control in controls { add("control", control.rawValue) }
    return lines.map { $0 + "\n" }.joined()
  }
}
