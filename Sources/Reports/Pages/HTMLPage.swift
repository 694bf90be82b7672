import Faults
import Mustache

/// `index.html`: one page without scripts, fonts or anything else from outside.
enum HTMLPage {
  static func text(_ report: Report) throws(Fault) -> String {
    try template(HTMLTemplate.page).render(context(report))
  }

  /// A template whose values are escaped by ``HTMLText``.
  static func template(_ text: String) throws(Fault) -> MustacheTemplate {
    MustacheContentTypes.register(HTMLText(), named: HTMLText.name)
    do {
      return try MustacheTemplate(string: text)
    } catch {
      throw Fault(.internalError, "REPORT-TEMPLATE", "\(error)")
    }
  }

  /// The figures at the head of a page.
  static func cards(_ totals: ReportTotals) -> [(figure: String, caption: String)] {
    var cards = [
      (
        "\(totals.done) of \(totals.listed)",
        "adapters \(totals.fromNothing > 0 ? "made" : "converted")" + totals.others
      )
    ]
    if totals.convertedArtifact > 0 {
      let bytes = totals.convertedArtifact
      cards.append(
        (
          Numerals.ratio(Double(totals.asShipped) / Double(bytes)),
          "smaller: \(Numerals.bytes(totals.asShipped)) → \(Numerals.bytes(bytes))"
        ))
      cards.append(
        (
          Numerals.ratio(Double(totals.f16Equivalent) / Double(bytes)),
          "smaller than the adapters in F16"
        ))
    }
    if let gain = totals.medianRetainedGain {
      cards.append(
        (
          Numerals.percent(gain),
          "of the LoRA's gain retained" + (totals.done > 1 ? " (median)" : "")
        ))
    }
    return cards
  }

  // The engine looks values up by name, so what it gets are dictionaries of text, lists and flags.
  // Values under keys that end in "Chart" or "Markup" and "style" are markup made here; all others get escaped.
  private static func context(_ report: Report) -> [String: Any] {
    let totals = ReportTotals(report.jobs)
    let isMeasured = report.jobs.contains { $0.evaluation != nil }
    let haveLoRA = report.jobs.haveLoRA
    let machines = Set(report.jobs.map(\.machine).filter { !$0.isEmpty })
    return [
      "style": HTMLTemplate.style, "title": report.title,
      "cards": cards(totals).map { ["figure": $0.figure, "caption": $0.caption] },
      "machine": machines.count == 1 ? machines.first ?? "" : "",
      "hasMachine": machines.count == 1, "hasJobs": !report.jobs.isEmpty,
      "hasMany": report.jobs.count > 1, "hasNone": totals.done == 0,
      "listed": "\(totals.listed)", "leftOut": "\(totals.leftOut)",
      "hasLeftOut": totals.leftOut > 0,
      "isMeasured": isMeasured, "haveLoRA": haveLoRA,
      "summary": report.jobs.enumerated().map { index, job in
        HTMLJob.summary(job, index).merging(
          ["isMeasured": isMeasured, "haveLoRA": haveLoRA]) { $1 }
      },
      "hasBytes": report.jobs.contains { $0.sizes?.asShipped != nil },
      "bytesChart": BytesChart.svg(report.jobs),
      "frontiers": Frontier.all(in: report.jobs).map {
        ["adapter": $0.adapter, "frontierChart": FrontierChart.svg($0)]
      },
      "jobs": report.jobs.enumerated().map { HTMLJob.context($1, $0) },
    ]
  }
}
