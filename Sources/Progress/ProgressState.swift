/// What is known of one counted piece of work.
struct ProgressState {
  let title: String
  let unit: String
  let total: Int
  let started: Double
  /// Items that were there before this run; they say nothing about its pace.
  var resumedAt: Int
  /// Which of several live lines it is on, from above.
  let place: Int
  var completed: Int
  var detail = ""
  var lastShown: Double

  /// Done share in [0, 1].
  var fraction: Double {
    total > 0 ? min(max(Double(completed) / Double(total), 0), 1) : 1
  }

  func elapsed(_ now: Double) -> Double { max(now - started, 0) }

  /// Seconds left at the mean pace so far; `nil` before the first item of this run.
  func remaining(_ now: Double) -> Double? {
    let fresh = completed - resumedAt
    guard fresh > 0, completed < total else { return nil }
    return elapsed(now) / Double(fresh) * Double(total - completed)
  }
}
