public import Faults

/// Why a job did not finish.
public struct FailureRecord: Hashable, Sendable {
  /// The error line without `error: `, already escaped and on one line.
  public var message: String
  /// The stable word for scripts, such as `ST-SIZE`.
  public var code: String
  /// The exit code this failure alone would give.
  public var exitCode: Int

  /// Creates a record from a fault.
  public init(_ fault: Fault) {
    self.init(message: fault.description, code: fault.code, exitCode: Int(fault.exitCode))
  }

  /// Creates a record from its fields.
  public init(message: String, code: String, exitCode: Int) {
    self.message = message
    self.code = code
    self.exitCode = exitCode
  }
}
