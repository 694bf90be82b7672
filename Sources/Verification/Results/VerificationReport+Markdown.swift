extension VerificationReport {
  /// The report as a Markdown table, what did not pass first (`formats/golden.md` §7).
  public var markdown: String {
    var lines = ["# Golden cases: \(escaped(directory))", "", summary + ".", ""]
    lines.append("| case | state | time, s | largest error ⁄ tolerance | |")
    lines.append("|---|---|---:|---:|---|")
    let order: [CaseResult.State] = [.failed, .skipped, .passed]
    for state in order {
      for result in results where result.state == state {
        let worst = result.measurements.max { share($0) < share($1) }
        let figure = worst.map { "\(format($0.error)) ⁄ \(format($0.tolerance))" } ?? ""
        let seconds = Double(Int((result.seconds * 10).rounded())) / 10
        lines.append(
          "| \(escaped(result.name)) | \(state) | \(seconds) | \(figure) | \(escaped(result.reason ?? "")) |"
        )
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// How much of its tolerance a measurement takes; what is not a number takes more than any.
  private func share(_ measurement: Measurement) -> Double {
    if measurement.error == 0 { return 0 }
    let share = measurement.error / measurement.tolerance
    return share.isNaN ? .infinity : share
  }

  private func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\", "|", "`", "*", "_", "[", "]", "#", "~": out += "\\\(scalar)"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "&": out += "&amp;"
      case "\n", "\r": out += " "
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
