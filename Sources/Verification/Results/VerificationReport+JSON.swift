public import JSON

extension VerificationReport {
  /// The report as one document, `xspress.verify/1` (`formats/golden.md` §7).
  public var json: JSONValue {
    .object([
      "schema": "xspress.verify/1",
      "directory": .string(directory),
      "cases": .integer(results.count),
      "passed": .integer(count(.passed)),
      "failed": .integer(count(.failed)),
      "skipped": .integer(count(.skipped)),
      "leftOut": .integer(leftOut),
      "results": .array(results.map(VerificationReport.json)),
    ])
  }

  private static func json(_ result: CaseResult) -> JSONValue {
    .object([
      "name": .string(result.name),
      "kind": .string(result.kind),
      "title": .string(result.title),
      "state": .string(result.state.rawValue),
      "reason": result.reason.map { .string($0) } ?? .null,
      "seconds": .number((result.seconds * 1000).rounded() / 1000),
      "measurements": .array(
        result.measurements.map {
          .object([
            "name": .string($0.name),
            "error": $0.error.isFinite ? .number($0.error) : .null,
            "tolerance": .number($0.tolerance),
            "passed": .bool($0.passed),
          ])
        }),
    ])
  }
}
