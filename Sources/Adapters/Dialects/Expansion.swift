import Faults

/// How many numbers the factors of one module grow to when they are made of smaller ones, told by shapes alone.
struct Expansion {
  /// Numbers that stay as long as the adapter.
  var kept: Int
  /// Numbers beside them while they are made.
  var temporary = 0

  /// `rank · (outFeatures + inFeatures)` numbers, the largest integer where that is more than any.
  init(rank: Int, outFeatures: Int, inFeatures: Int, temporary: Int = 0) {
    kept = Expansion.product(rank, Expansion.sum(outFeatures, inFeatures))
    self.temporary = temporary
  }

  static func product(_ first: Int, _ second: Int) -> Int {
    let (value, overflow) = first.multipliedReportingOverflow(by: second)
    return overflow ? .max : value
  }

  static func sum(_ first: Int, _ second: Int) -> Int {
    let (value, overflow) = first.addingReportingOverflow(second)
    return overflow ? .max : value
  }
}
