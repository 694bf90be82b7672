/// `report.md`: the tables of the report, with no pictures but those of frontiers.
enum MarkdownPage {
  /// - Parameter details: A section for every job; without them failures alone are named.
  static func text(_ report: Report, details: Bool = true) -> String {
    let totals = ReportTotals(report.jobs)
    var out = "# \(MarkdownText.escaped(report.title))\n\n"
    out += "\(totals.sentence)."
    if totals.artifact > 0 { out += " \(totals.bytesSentence)." }
    if totals.leftOut > 0 { out += " \(totals.leftOut) figures are not finite and in no total." }
    out += "\n\n"
    let (rows, columns) = (report.jobs.map(SummaryRow.init), SummaryColumns(report.jobs))
    if report.jobs.contains(where: { $0.evaluation != nil }) {
      out += "## Accuracy\n\n"
      out += MarkdownText.table(
        ["job"] + columns.accuracy.map(\.title), numeric: Set(1...columns.accuracy.count),
        rows.map { row in
          [MarkdownText.escaped(row.name)] + columns.accuracy.map { row[keyPath: $0.cell] }
        })
      out += "\n"
    }
    out += "## Size\n\n"
    out += MarkdownText.table(
      ["job", "state"] + columns.sizes.map(\.title), numeric: Set(2...columns.sizes.count + 1),
      rows.map { row in
        [MarkdownText.escaped(row.name), row.state] + columns.sizes.map { row[keyPath: $0.cell] }
      })
    for (index, frontier) in Frontier.all(in: report.jobs).enumerated() {
      out += "\n" + table(frontier, picture: Report.pictureName(index))
    }
    if details {
      for job in report.jobs { out += "\n" + section(job) }
    } else if report.jobs.contains(where: { $0.failure != nil }) {
      out += "\n## Failures\n\n"
      for job in report.jobs {
        guard let failure = job.failure else { continue }
        out +=
          "- \(MarkdownText.escaped(job.name)): \(job.state.rawValue), exit code \(failure.exitCode): "
          + "\(MarkdownText.escaped(failure.message))\n"
      }
    }
    if report.jobs.contains(where: { $0.evaluation != nil }) {
      out += "\n## How to read this\n\n" + MethodNotes.paragraphs.joined(separator: "\n\n") + "\n"
    }
    return out
  }

  private static func table(_ frontier: Frontier, picture: String) -> String {
    var out = "## Accuracy for bytes: \(MarkdownText.escaped(frontier.adapter))\n\n"
    if let lora = frontier.lora {
      out += "LoRA as shipped: \(Numerals.percent(lora.accuracy)), NLL "
      out += "\(Numerals.fixed(lora.nll, 4)).\n\n"
    }
    out += "![NLL and accuracy by bytes](\(picture))\n\n"
    let rows = frontier.series.flatMap { series in series.points.map { (series.name, $0) } }
    return out
      + MarkdownText.table(
        ["variant", "bytes", "accuracy", "95% interval", "NLL", "job"], numeric: Set(1...4),
        rows.map { name, point in
          [
            MarkdownText.escaped(name), Numerals.grouped(point.bytes),
            Numerals.percent(point.accuracy),
            point.range.map(Numerals.percentRange) ?? Numerals.absent,
            Numerals.fixed(point.nll, 4), MarkdownText.escaped(point.job),
          ]
        })
  }

  private static func section(_ job: JobRecord) -> String {
    var out = "## \(MarkdownText.escaped(job.name))\n"
    if let failure = job.failure {
      out +=
        "\n\(job.state == .rejected ? "Rejected" : "Failed") with exit code \(failure.exitCode): \(MarkdownText.escaped(failure.message))\n"
    }
    if let kept = job.keptSentence { out += "\n\(MarkdownText.escaped(kept))\n" }
    for warning in job.warnings { out += "\n> \(MarkdownText.escaped(warning))\n" }
    if let evaluation = job.evaluation {
      out += "\n" + variants(evaluation, haveLoRA: !job.isFromNothing)
    }
    if !job.modules.isEmpty, !job.isFromNothing { out += "\n" + energy(job.modules) }
    if let tuning = job.tuning, !tuning.trials.isEmpty { out += "\n" + trials(tuning) }
    let facts = ProvenanceFacts.of(job)
    if !facts.isEmpty {
      out += "\n### Provenance\n\n"
      for fact in facts {
        out += "- \(fact.name): \(MarkdownText.escaped(fact.value))\n"
      }
    }
    return out
  }

  private static func variants(_ evaluation: EvaluationRecord, haveLoRA: Bool) -> String {
    var out = evaluation.extent(of: MarkdownText.escaped(evaluation.data.path)) + ".\n\n"
    let teacher = haveLoRA ? ["KL", "agreement", "retained"] : []
    let header =
      ["variant", "kind", "accuracy", "95% interval", "NLL"] + teacher + ["bytes"]
    out += MarkdownText.table(
      header, numeric: Set(2..<header.count),
      evaluation.variants.map { variant in
        let compared = [
          variant.klToTeacher.map { Numerals.fixed($0, 4) } ?? Numerals.absent,
          variant.agreement.map { Numerals.percent($0) } ?? Numerals.absent,
          variant.retainedGain.map { Numerals.percent($0) } ?? Numerals.absent,
        ]
        return [
          MarkdownText.escaped(variant.name), variant.kind.rawValue,
          variant.rightText, variant.rightRange, Numerals.fixed(variant.nll, 4),
        ] + compared.prefix(teacher.count) + [
          variant.bytes.map(Numerals.grouped) ?? Numerals.absent
        ]
      })
    let verdicts = ControlVerdict.all(in: evaluation)
    if !verdicts.isEmpty {
      out += "\n### Controls\n\n"
      for verdict in verdicts { out += "- \(verdict.sentence(MarkdownText.escaped))\n" }
    }
    return out
  }

  private static func energy(_ modules: [ModuleRecord]) -> String {
    let plain = EnergyGrid(modules) { $0.capturedEnergy }
    let weighted = EnergyGrid(modules) { $0.weightedCapturedEnergy }
    var out = "### Captured energy by module type\n\n"
    out += MarkdownText.table(
      ["type", "modules", "mean", "mean, curvature-weighted"], numeric: [1, 2, 3],
      plain.types.enumerated().map { index, type in
        let twin = weighted.types.firstIndex(of: type).flatMap { weighted.mean(ofType: $0) }
        return [
          MarkdownText.escaped(type), "\(plain.values[index].compactMap(\.self).count)",
          plain.mean(ofType: index).map(Numerals.smallPercent) ?? Numerals.absent,
          twin.map(Numerals.smallPercent) ?? Numerals.absent,
        ]
      })
    return out + "\nEvery module: `modules.csv`.\n"
  }

  private static func trials(_ tuning: TuningRecord) -> String {
    var out = "### Search\n\n"
    out += MarkdownText.table(
      ["tried", "steps", "validation loss", "time", "chosen"], numeric: [1, 2, 3],
      tuning.trials.map { trial in
        [
          MarkdownText.escaped(
            trial.settings.map { "\($0.name) \($0.value)" }.joined(separator: ", ")),
          "\(trial.steps)", Numerals.fixed(trial.validationLoss, 4),
          Numerals.duration(trial.seconds), trial.isChosen ? "yes" : "",
        ]
      })
    return out
  }
}
