extension VerificationReport {
  /// The report in the XML form that CI systems read (`formats/golden.md` §7).
  public var junit: String {
    let seconds = results.reduce(0) { $0 + $1.seconds }
    var lines = [
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
      "<testsuites>",
      "  <testsuite name=\"\(xml("golden: " + directory))\" tests=\"\(results.count)\""
        + " failures=\"\(count(.failed))\" errors=\"0\" skipped=\"\(count(.skipped))\""
        + " time=\"\(milliseconds(seconds))\">",
    ]
    for result in results { lines += testCase(result) }
    lines += ["  </testsuite>", "</testsuites>"]
    return lines.joined(separator: "\n") + "\n"
  }

  private func testCase(_ result: CaseResult) -> [String] {
    let head =
      "    <testcase classname=\"\(xml(result.kind.isEmpty ? "golden" : result.kind))\""
      + " name=\"\(xml(result.name))\" time=\"\(milliseconds(result.seconds))\""
    var body: [String] = []
    switch (result.state, result.reason) {
    case (.failed, let reason): body.append("<failure message=\"\(xml(reason ?? "failed"))\"/>")
    case (.skipped, let reason): body.append("<skipped message=\"\(xml(reason ?? "skipped"))\"/>")
    case (.passed, _): break
    }
    if !result.measurements.isEmpty {
      let text = result.measurements
        .map { "\($0.name): error \(format($0.error)), tolerance \(format($0.tolerance))" }
        .joined(separator: "\n")
      body.append("<system-out>\(xml(text))</system-out>")
    }
    if body.isEmpty { return [head + "/>"] }
    return [head + ">"] + body.map { "      " + $0 } + ["    </testcase>"]
  }

  private func milliseconds(_ seconds: Double) -> String {
    let count = Int(max(0, seconds * 1000).rounded())
    let rest = String(count % 1000)
    return "\(count / 1000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
  }

  /// Text for XML 1.0: markup escaped, characters that XML does not allow as U+FFFD.
  private func xml(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "\t", "\n": out.unicodeScalars.append(scalar)
      default:
        let isAllowed = scalar.value >= 0x20 && scalar.value != 0xfffe && scalar.value != 0xffff
        out.unicodeScalars.append(isAllowed ? scalar : "\u{fffd}")
      }
    }
    return out
  }
}
