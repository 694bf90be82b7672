/// What a tuning run has been through; part of a checkpoint and of the record.
public struct TuningHistory: Sendable, Hashable {
  /// A loss after a number of steps.
  public struct Point: Sendable, Hashable {
    /// Steps taken.
    public var step: Int
    /// The loss there.
    public var loss: Double

    /// A loss after `step` steps.
    public init(step: Int, loss: Double) {
      self.step = step
      self.loss = loss
    }
  }

  /// Mean training loss of every step taken.
  public var trainLoss: [Double] = []
  /// Validation losses, by steps taken.
  public var validationLoss: [Point] = []
  /// The number of steps after which validation was best.
  public var bestStep = 0
  /// Validation loss there.
  public var bestLoss = Double.infinity
  /// Learning rates that were tried before the first step, if any.
  public var trials: [LearningRateSearch.Trial] = []

  /// How coarsely latents are rounded in the last steps, as it was settled when these began; nil before.
  public internal(set) var roundingLevel: Int?

  /// An empty history.
  public init() {}
}
