public import Faults

/// Carries bytes between the processes of a job.
public protocol RankLink: Sendable {
  /// Which of them this one is, from 0.
  var rank: Int { get }
  /// How many there are.
  var count: Int { get }
  /// Everybody's bytes, by rank; returns once all have called it.
  ///
  /// - Throws: where the link fails, after which nothing can be said to the others.
  func allGather(_ bytes: [UInt8]) throws(Fault) -> [[UInt8]]
}
