public import Checkpoints

/// How many first directions of a module a choice looks at where nobody says.
public enum StandardCandidates {
  /// Up to this many features on a module's shorter side a whole decomposition is cheap, in time and on disk.
  private static let wholeLimit = 1024
  /// First directions of a larger module: at 576 features they capture 99% of the weighted energy that all capture, 128
  /// of them 98% (`golden/recovery/NOTES.md`, "Candidates").
  private static let leadingCount = 256

  /// The number for a module with so many features on its shorter side, at least as many as are wanted; nil for all.
  public static func count(shorterSide: Int, rank: Int) -> Int? {
    guard shorterSide > wholeLimit else { return nil }
    return min(max(leadingCount, rank), shorterSide)
  }
}

extension LinearModule {
  /// How many first directions a choice looks at: `given`, else as ``StandardCandidates`` says; nil for all.
  public func candidates(_ given: Int?, rank: Int = 0) -> Int? {
    given ?? StandardCandidates.count(shorterSide: min(outFeatures, inFeatures), rank: rank)
  }
}
