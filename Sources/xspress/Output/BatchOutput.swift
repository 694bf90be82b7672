import Faults
import Files
import Fleet
import Reports

/// The results of a batch for people.
enum BatchOutput {
  /// Jobs up to this number are all listed; of more, those that are not done.
  private static let mostListed = 100

  static func text(_ results: [JobResult], _ report: Report, of run: Fleet) -> String {
    let page = Paths.join(run.run.reportPath, "index.html")
    return summary(results, report)
      + "\n\nreport: \(Fault.escaped(page, limit: 512)) (also report.md, report.csv, report.json)"
  }

  private static func summary(_ results: [JobResult], _ report: Report) -> String {
    let listed =
      results.count <= mostListed
      ? results : results.filter { [.failed, .rejected, .kept].contains($0.state) }
    if results.count > mostListed {
      let totals = Report(jobs: report.jobs).totalsText
      return listed.isEmpty ? totals : totals + "\n\n" + table(listed)
    }
    return (report.jobs.isEmpty ? "" : report.terminalText + "\n") + table(listed)
  }

  /// What became of a job, told from what had become of it before.
  private static func word(_ result: JobResult) -> String {
    guard result.state == .skipped else { return result.state.rawValue }
    guard let state = result.record?.state, state != .skipped else { return "not run" }
    return "\(state.rawValue) before"
  }

  private static func table(_ results: [JobResult]) -> String {
    let rows = results.map { [$0.name, word($0), $0.fault?.code ?? ""] }
    return TextTable.text(["job", "state", ""], rows)
  }
}
