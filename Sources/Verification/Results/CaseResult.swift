public import Faults

/// What came of one case.
public struct CaseResult: Sendable {
  /// Passed, failed, or not run.
  public enum State: String, Sendable, Hashable {
    /// Every measurement is within its tolerance, and there is at least one.
    case passed
    /// A measurement is beyond its tolerance, or the case could not be computed.
    case failed
    /// The case was not run.
    case skipped
  }

  /// The path of the case below the golden directory.
  public let name: String
  /// Its kind, empty when the case file could not be read.
  public let kind: String
  /// Its title, empty when the case file could not be read.
  public let title: String
  /// What came of it.
  public let state: State
  /// Why it failed or was skipped.
  public let reason: String?
  /// What was compared, in order.
  public let measurements: [Measurement]
  /// Wall time.
  public let seconds: Double

  /// A case that was computed: passed if every measurement is.
  init(_ golden: GoldenCase, measurements: [Measurement], seconds: Double) {
    let worst = measurements.first { !$0.passed }
    let text: String? =
      measurements.isEmpty
      ? "nothing was compared"
      : worst.map { "\($0.name): error \(format($0.error)) > \(format($0.tolerance))" }
    self.init(
      golden, state: text == nil ? .passed : .failed, reason: text, measurements: measurements,
      seconds: seconds)
  }

  /// A case that was not computed.
  init(_ golden: GoldenCase, skipped reason: String, seconds: Double) {
    self.init(golden, state: .skipped, reason: reason, measurements: [], seconds: seconds)
  }

  /// A case that could not be computed.
  init(_ golden: GoldenCase, fault: Fault, seconds: Double) {
    self.init(
      golden, state: .failed, reason: fault.description, measurements: [], seconds: seconds)
  }

  /// A case whose file could not be read.
  init(name: String, fault: Fault) {
    self.name = name
    kind = ""
    title = ""
    state = .failed
    reason = fault.description
    measurements = []
    seconds = 0
  }

  /// An artifact that was read whole, or what is wrong with it.
  public init(artifact name: String, fault: Fault?) {
    self.name = name
    kind = "artifact"
    title = ""
    state = fault == nil ? .passed : .failed
    reason = fault?.description
    measurements = []
    seconds = 0
  }

  private init(
    _ golden: GoldenCase, state: State, reason: String?, measurements: [Measurement],
    seconds: Double
  ) {
    name = golden.name
    kind = golden.kind
    title = golden.title
    self.state = state
    self.reason = reason
    self.measurements = measurements
    self.seconds = seconds
  }
}

/// A number with three significant digits, such as `1.25e-06`; integers plainly.
func format(_ value: Double) -> String {
  guard value.isFinite else { return "inf" }
  if value == 0 { return "0" }
  if value.rounded() == value, abs(value) < 1e6 { return String(Int(value)) }
  var exponent = 0
  var mantissa = abs(value)
  while mantissa >= 9.995 {
    mantissa /= 10
    exponent += 1
  }
  while mantissa < 0.9995 {
    mantissa *= 10
    exponent -= 1
  }
  let hundredths = Int((mantissa * 100).rounded())
  let digits = hundredths % 100
  let fraction = digits < 10 ? "0\(digits)" : "\(digits)"
  let power = abs(exponent) < 10 ? "0\(abs(exponent))" : "\(abs(exponent))"
  return
    "\(value < 0 ? "-" : "")\(hundredths / 100).\(fraction)e\(exponent < 0 ? "-" : "+")\(power)"
}
