import Faults
import Fleet
import Reports

/// The results of a batch for people.
enum BatchOutput {
  static func text(_ results: [JobResult], _ report: Report) -> String {
    let rows = results.map { [$0.name, $0.state.rawValue, $0.fault?.code ?? ""] }
    return (report.jobs.isEmpty ? "" : report.terminalText + "\n\n")
      + TextTable.text(["job", "state", ""], rows)
  }
}
