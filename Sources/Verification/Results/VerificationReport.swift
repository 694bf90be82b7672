/// What came of all cases of a golden directory.
public struct VerificationReport: Sendable {
  /// The directory.
  public let directory: String
  /// One result per case, in the order of the cases.
  public let results: [CaseResult]
  /// How many slow cases were left out because the caller asked for that.
  public let leftOut: Int

  /// The results of a directory.
  public init(directory: String, results: [CaseResult], leftOut: Int = 0) {
    self.directory = directory
    self.results = results
    self.leftOut = leftOut
  }

  /// How many cases ended in a state.
  public func count(_ state: CaseResult.State) -> Int {
    results.reduce(0) { $0 + ($1.state == state ? 1 : 0) }
  }

  /// Whether every case passed; a skipped case did not.
  public var allPassed: Bool { !results.isEmpty && count(.passed) == results.count }

  /// The one line that says how it went.
  public var summary: String {
    "\(results.count) cases: \(count(.passed)) passed, \(count(.failed)) failed, "
      + "\(count(.skipped)) skipped" + (leftOut == 0 ? "" : "; \(leftOut) slow ones left out")
  }

  /// A table for people: a line per case, its measurements, and the summary.
  public var table: String {
    let width = results.map(\.name.count).max() ?? 0
    var lines: [String] = []
    for result in results {
      let name = result.name + String(repeating: " ", count: width - result.name.count)
      let measured = result.measurements
        .map { "\($0.name) \(format($0.error))/\(format($0.tolerance))" }
        .joined(separator: ", ")
      let state: String =
        switch result.state {
        case .passed: "ok  "
        case .failed: "FAIL"
        case .skipped: "skip"
        }
      let seconds =
        String(Int((result.seconds * 10).rounded()) / 10) + "."
        + String(Int((result.seconds * 10).rounded()) % 10) + " s"
      let time = String(repeating: " ", count: max(0, 8 - seconds.count)) + seconds
      lines.append("\(state)  \(name)\(time)  \(result.state == .skipped ? "" : measured)")
      if let reason = result.reason { lines[lines.count - 1] += "  (\(reason))" }
    }
    lines.append(summary)
    return lines.joined(separator: "\n") + "\n"
  }
}
