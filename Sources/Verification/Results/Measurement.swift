/// One number compared with its answer.
public struct Measurement: Sendable, Hashable {
  /// What was compared, such as `logits`.
  public let name: String
  /// How far off the worst element is; infinite when the comparison makes no sense.
  public let error: Double
  /// The largest error that passes.
  public let tolerance: Double

  /// An error and the tolerance that it is held to.
  public init(_ name: String, error: Double, tolerance: Double) {
    self.name = name
    self.error = error.isNaN ? .infinity : error
    self.tolerance = tolerance
  }

  /// A count of differences where there must be none.
  public static func exact(_ name: String, differences: Int) -> Measurement {
    Measurement(name, error: Double(differences), tolerance: 0)
  }

  /// Whether the error is within its tolerance.
  public var passed: Bool { error <= tolerance }
}
