/// What was done with what, as names and values before any escaping.
enum ProvenanceFacts {
  static func of(_ job: JobRecord) -> [Setting] {
    var facts: [Setting] = []
    func add(_ name: String, _ value: String) {
      if !value.isEmpty { facts.append(Setting(name, value)) }
    }
    func source(_ name: String, _ source: SourceRecord?) {
      guard let source else { return }
      let details = source.details.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
      add(
        name,
        [source.path, source.format, "\(Numerals.grouped(source.bytes)) bytes", details]
          .filter { !$0.isEmpty }.joined(separator: "; "))
      add("\(name) SHA-256", source.sha256 ?? "")
    }
    source("adapter", job.adapter)
    source("base", job.base)
    if let race = job.race { add("form chosen by", text(race)) }
    if let evaluation = job.evaluation {
      add("evaluation data", "\(evaluation.data.path); \(evaluation.extent)")
      add("evaluation data SHA-256", evaluation.data.sha256)
    }
    add("artifact", job.artifactPath ?? "")
    add("settings", list(job.settings))
    if let tuning = job.tuning {
      add("tuning", list(tuning.settings))
      let search = tuning.trials.isEmpty ? "" : " and the search for a rate"
      add("tuning time", "\(tuning.steps) steps\(search) in \(Numerals.duration(tuning.seconds))")
    }
    if let gate = job.gate {
      let sizes = gate.tried == 1 ? "" : "; \(gate.tried) sizes tried"
      add(
        "retained gain on held-out rows",
        "\(gate.sentence), \(Numerals.fixed(gate.asked, 3)) asked for\(sizes)")
    }
    add("seeds", list(job.seeds))
    add(
      "time",
      job.stages.map { stage in
        "\(stage.name) \(Double(stage.value).map(Numerals.duration) ?? stage.value)"
      }.joined(separator: ", "))
    add("machine", job.machine)
    add("threads", job.threads > 0 ? "\(job.threads)" : "")
    add("peak memory", job.peakBytes.map(Numerals.bytes) ?? "")
    add("plan digest", job.planDigest ?? "")
    add("made by", job.createdBy)
    return facts
  }

  private static func list(_ settings: [Setting]) -> String {
    settings.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
  }

  /// What each candidate came to, round after round.
  private static func text(_ race: RaceRecord) -> String {
    let entries = race.entries.map { entry in
      entry.form + (entry.pairChoice.map { " by \($0.rawValue)" } ?? "")
        + " in \(entry.store), \(entry.size), \(Numerals.grouped(entry.bytes)) bytes, \(entry.steps) steps: "
        + "\(Numerals.fixed(entry.loss, 4))\(entry.isKept ? " (kept)" : "")"
    }
    return "\(race.measure) on \(race.rows) rows in \(Numerals.fixed(race.seconds, 0)) s: "
      + entries.joined(separator: "; ")
  }
}
