/// How much a figure of one variant is above that of another on the same examples.
public struct PairedDifference: Hashable, Sendable {
  /// The second figure less the first.
  public var value: Double
  /// The 95% interval over resampled examples; nil where the two were not drawn alike.
  public var interval95: ClosedRange<Double>?

  /// The difference of a figure whose `draws` were of the same examples in both.
  init(
    _ first: (figure: Double, draws: [Double]), _ second: (figure: Double, draws: [Double])
  ) {
    value = second.figure - first.figure
    guard first.draws.count == second.draws.count else { return }
    interval95 = PairedBootstrap.interval95(of: zip(first.draws, second.draws).map { $1 - $0 })
  }
}
