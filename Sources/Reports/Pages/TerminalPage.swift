import Faults

extension Report {
  /// The sums in a line: what is done, and what bytes became.
  public var totalsText: String {
    let totals = ReportTotals(jobs)
    guard totals.artifact > 0 else { return totals.sentence }
    return "\(totals.sentence); \(totals.bytesSentence)"
  }

  /// The accuracy table, where anything was measured, and the size table for a terminal, plain ASCII names, one line a
  /// job.
  ///
  /// Each table's first line starts with its word, `accuracy` or `size`, so that a script finds it.
  public var terminalText: String {
    let (rows, columns) = (jobs.map(SummaryRow.init), SummaryColumns(jobs))
    func table(_ title: String, _ columns: [SummaryColumns.Column]) -> String {
      TerminalPage.table(
        [title] + columns.map(\.title),
        rows.map { row in [row.name] + columns.map { row[keyPath: $0.cell] } })
    }
    var out = ""
    if jobs.contains(where: { $0.evaluation != nil }) {
      out += table("accuracy", columns.accuracy) + "\n"
    }
    out += table("size", columns.sizes)
    let verdicts = jobs.flatMap { job in
      (job.evaluation.map(ControlVerdict.all) ?? []).map {
        "\(TerminalPage.safe(job.name)): \($0.sentence(TerminalPage.safe))\n"
      }
    }
    if !verdicts.isEmpty { out += "\ncontrols\n" + verdicts.joined() }
    for job in jobs {
      if let failure = job.failure {
        out += "\n\(job.state.rawValue): \(TerminalPage.safe(job.name)): \(failure.message)\n"
      }
      if let kept = job.keptSentence {
        out += "\nkept: \(TerminalPage.safe(job.name)): \(kept)\n"
      }
    }
    let totals = ReportTotals(jobs)
    if totals.done < totals.listed { out += "\n\(totals.sentence)\n" }
    return out
  }
}

/// Tables of a terminal, whose names come from files.
private enum TerminalPage {
  static func safe(_ text: String) -> String { Fault.escaped(text, limit: 80) }

  static func table(_ header: [String], _ rows: [[String]]) -> String {
    TextTable.aligned([header] + rows.map { [safe($0[0])] + $0.dropFirst() })
      .map { $0 + "\n" }.joined()
  }
}
