/// What the page's template needs to know of one job.
enum HTMLJob {
  static func summary(_ job: JobRecord, _ index: Int) -> [String: Any] {
    let row = SummaryRow(job)
    return [
      "anchor": "job-\(index)", "name": row.name, "state": row.state,
      "hasState": job.state != .done, "stateStyle": stateStyle(job), "base": row.base,
      "lora": row.lora, "result": row.result,
      "resultRange": row.resultRange, "retained": row.retained, "baseNLL": row.baseNLL,
      "loraNLL": row.loraNLL,
      "resultNLL": row.resultNLL, "asShipped": row.asShipped, "f16": row.f16,
      "artifact": row.artifact, "ratio": row.ratio,
    ]
  }

  static func context(_ job: JobRecord, _ index: Int) -> [String: Any] {
    let evaluation = job.evaluation
    let verdicts = evaluation.map(ControlVerdict.all) ?? []
    let plain = EnergyGrid(job.modules) { $0.capturedEnergy }
    let weighted = EnergyGrid(job.modules) { $0.weightedCapturedEnergy }
    let lossChart = job.tuning.map(LossChart.svg) ?? ""
    let trials = job.tuning?.trials ?? []
    let facts = ProvenanceFacts.of(job)
    let pairs = evaluation.map(pairRows) ?? []
    return [
      "anchor": "job-\(index)", "name": job.name, "state": job.state.rawValue,
      "hasState": job.state != .done, "stateStyle": stateStyle(job),
      "isKept": job.keptSentence != nil, "kept": job.keptSentence ?? "",
      "hasFailure": job.failure != nil,
      "failure": job.failure?.message ?? "", "exitCode": "\(job.failure?.exitCode ?? 0)",
      "warnings": job.warnings.map { ["text": $0] }, "hasEvaluation": evaluation != nil,
      // Of correlations there is no picture on a scale of shares.
      "accuracyChart": evaluation.flatMap { evaluation in
        evaluation.variants.contains { $0.correlation != nil } ? nil : AccuracyChart.svg(evaluation)
      } ?? "",
      "examples": evaluation.map { Numerals.grouped($0.data.n) } ?? "",
      "dataPath": evaluation?.data.path ?? "",
      "variants": evaluation?.variants.map(variantRow) ?? [], "hasPairs": !pairs.isEmpty,
      "hasLabels": evaluation?.variants.contains { $0.labels != nil } ?? false,
      "hasNorm": evaluation?.variants.contains { $0.accuracyNorm != nil } ?? false,
      "pairs": pairs, "hasControls": !verdicts.isEmpty, "controls": verdicts.map(verdictRow),
      "hasSizes": job.sizes.map { !$0.parts.isEmpty } ?? false,
      "sizes": job.sizes.map(sizeRows) ?? [],
      "hasEnergy": !plain.isEmpty,
      "plainChart": HeatMap.svg(plain, label: "Captured energy"),
      "plainMaximum": Numerals.smallPercent(plain.maximum), "hasWeighted": !weighted.isEmpty,
      "weightedChart": HeatMap.svg(weighted, label: "Curvature-weighted captured energy"),
      "weightedMaximum": Numerals.smallPercent(weighted.maximum), "hasTuning": job.tuning != nil,
      "hasLossChart": !lossChart.isEmpty, "lossChart": lossChart, "hasTrials": !trials.isEmpty,
      "trials": trials.map(trialRow), "hasModules": !job.modules.isEmpty,
      "moduleCount": "\(job.modules.count)", "hasLoRA": !job.isFromNothing,
      "moduleMarkup": job.modules.map { moduleRow($0, hasLoRA: !job.isFromNothing) }.joined(),
      "hasFacts": !facts.isEmpty,
      "facts": facts.map { ["name": $0.name, "value": $0.value] },
    ]
  }

  /// That a LoRA is kept as it is was asked for.
  private static func stateStyle(_ job: JobRecord) -> String {
    job.state == .kept ? "even" : "bad"
  }

  private static func variantRow(_ variant: VariantResult) -> [String: Any] {
    [
      "name": variant.name, "kind": variant.kind.rawValue,
      "accuracy": variant.rightText, "range": variant.rightRange,
      "norm": variant.accuracyNorm.map { Numerals.percent($0) } ?? Numerals.absent,
      "f1": variant.labels.map { Numerals.fixed($0.macroF1, 3) } ?? Numerals.absent,
      "matthews": variant.labels.map { Numerals.fixed($0.matthews, 3) } ?? Numerals.absent,
      "nll": Numerals.fixed(variant.nll, 4),
      "kl": variant.klToTeacher.map { Numerals.fixed($0, 4) } ?? Numerals.absent,
      "agreement": variant.agreement.map { Numerals.percent($0) } ?? Numerals.absent,
      "retained": variant.retainedGain.map { Numerals.percent($0) } ?? Numerals.absent,
      "retainedRange": variant.retainedGainCI95.map(Numerals.percentRange) ?? "",
      "bytes": variant.bytes.map(Numerals.grouped) ?? Numerals.absent,
      "seconds": variant.seconds.map(Numerals.duration) ?? Numerals.absent,
    ]
  }

  private static func pairRows(_ evaluation: EvaluationRecord) -> [[String: Any]] {
    evaluation.pairs.compactMap { pair in
      guard evaluation.variants.indices.contains(pair.a),
        evaluation.variants.indices.contains(pair.b)
      else { return nil }
      return [
        "from": evaluation.variants[pair.a].name, "to": evaluation.variants[pair.b].name,
        "delta": Numerals.signed(pair.delta * 100, 1),
        "range": pair.deltaCI95.map(Numerals.pointsRange) ?? Numerals.absent,
        "p": Numerals.pValue(pair.mcnemarP),
        "nll": pair.nllDelta.map { Numerals.signed($0, 4) } ?? Numerals.absent,
        "nllRange": pair.nllDeltaCI95.map {
          "\(Numerals.signed($0.lowerBound, 4)) to \(Numerals.signed($0.upperBound, 4))"
        } ?? Numerals.absent,
      ]
    }
  }

  private static func verdictRow(_ verdict: ControlVerdict) -> [String: Any] {
    let (style, mark): (String, String) =
      switch verdict.outcome {
      case .controlWins: ("lost", "control wins")
      case .resultWins: ("won", "result wins")
      case .undecided: ("even", "undecided")
      }
    return ["style": style, "mark": mark, "text": verdict.sentence { $0 }]
  }

  private static func sizeRows(_ sizes: SizeRecord) -> [[String: Any]] {
    let parts = sizes.parts.sorted { $0.bytes > $1.bytes }
    let whole = max(parts.map(\.bytes).reduce(0, &+), 1)
    return parts.map { part in
      let share = Double(part.bytes) / Double(whole)
      return [
        "name": part.name, "bytes": Numerals.grouped(part.bytes),
        "share": Numerals.percent(share), "width": Numerals.fixed(share * 100, 1),
      ]
    }
  }

  private static func trialRow(_ trial: TuningRecord.Trial) -> [String: Any] {
    [
      "settings": trial.settings.map { "\($0.name) \($0.value)" }.joined(separator: ", "),
      "steps": "\(trial.steps)", "loss": Numerals.fixed(trial.validationLoss, 4),
      "seconds": Numerals.duration(trial.seconds), "isChosen": trial.isChosen,
    ]
  }

  private static func moduleRow(_ module: ModuleRecord, hasLoRA: Bool) -> String {
    let rank = [module.loraRank.map(String.init) ?? Numerals.absent]
    let energies = [module.capturedEnergy, module.weightedCapturedEnergy].map {
      $0.map(Numerals.smallPercent) ?? Numerals.absent
    }
    let cells =
      ["\(module.outFeatures) × \(module.inFeatures)"] + (hasLoRA ? rank : [])
      + ["\(module.outputRank) × \(module.inputRank)"] + (hasLoRA ? energies : [])
      + [Numerals.grouped(module.bytes)]
    return "<tr><td class=\"name\">\(HTMLText.escaped(module.name))</td>"
      + cells.map { "<td class=\"n\">\(HTMLText.escaped($0))</td>" }.joined() + "</tr>\n"
  }
}
