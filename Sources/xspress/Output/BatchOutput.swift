import Faults
import Fleet
import Reports

/// The results of a batch for people.
enum BatchOutput {
  /// Jobs up to this number are all listed; of more, those that are not done.
  private static let mostListed = 100

  static func text(_ results: [JobResult], _ report: Report) -> String {
    let listed =
      results.count <= mostListed
      ? results : results.filter { [.failed, .rejected, .kept].contains($0.state) }
    if results.count > mostListed {
      let totals = Report(jobs: report.jobs).totalsText
      return listed.isEmpty ? totals : totals + "\n\n" + table(listed)
    }
    return (report.jobs.isEmpty ? "" : report.terminalText + "\n\n") + table(listed)
  }

  private static func table(_ results: [JobResult]) -> String {
    let rows = results.map { [$0.name, $0.state.rawValue, $0.fault?.code ?? ""] }
    return TextTable.text(["job", "state", ""], rows)
  }
}
