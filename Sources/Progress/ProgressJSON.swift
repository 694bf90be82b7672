/// The objects of `--log json`, one a line.
enum ProgressJSON {
  static func task(_ state: ProgressState, event: String, now: Double, stamp: String) -> String {
    var fields = [
      "\"time\":\(quoted(stamp))", "\"event\":\(quoted(event))", "\"task\":\(quoted(state.title))",
      "\"completed\":\(state.completed)", "\"total\":\(state.total)",
      "\"unit\":\(quoted(state.unit))",
      "\"elapsed_seconds\":\(tenths(state.elapsed(now)))",
    ]
    if let left = state.remaining(now) { fields.append("\"eta_seconds\":\(tenths(left))") }
    if !state.detail.isEmpty { fields.append("\"detail\":\(quoted(state.detail))") }
    return "{\(fields.joined(separator: ","))}"
  }

  static func message(_ text: String, event: String, stamp: String) -> String {
    let message = ProgressText.message(text)
    return "{\"time\":\(quoted(stamp)),\"event\":\(quoted(event)),\"message\":\(quoted(message))}"
  }

  /// A JSON string; `text` is printable ASCII by now, so only two characters need care.
  private static func quoted(_ text: String) -> String {
    var out = "\""
    for character in text {
      if character == "\"" || character == "\\" { out.append("\\") }
      out.append(character)
    }
    return out + "\""
  }

  private static func tenths(_ seconds: Double) -> Double { (seconds * 10).rounded() / 10 }
}
