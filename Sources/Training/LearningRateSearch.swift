public import Faults

/// A short search for the learning rate on the validation split: the same schedule in a tenth of the steps at
/// each candidate, the best validation loss wins.
public enum LearningRateSearch {
  /// One candidate that was tried.
  public struct Trial: Sendable, Hashable {
    /// The peak learning rate.
    public var learningRate: Double
    /// Steps taken.
    public var steps: Int
    /// What it came to: ``LearningRateSearch/loss(of:)``; NaN where it diverged.
    public var validationLoss: Double
    /// Wall time.
    public var seconds: Double
  }

  /// Trials at most.
  public static let limit = 5

  /// Tries the given rate and half of it with a tenth of the steps, at least 20, and goes on halving or
  /// doubling while that lowers the loss.
  ///
  /// - Parameter run: Tunes from the start with these options and returns ``loss(of:)``.
  /// - Returns: All trials, in the order they were made.
  public static func search(
    _ options: TuningOptions,
    run: (TuningOptions) throws(Fault) -> (loss: Double, seconds: Double)
  ) throws(Fault) -> [Trial] {
    var trials: [Trial] = []
    func loss(_ rate: Double) throws(Fault) -> Double {
      var trial = options
      trial.learningRate = rate
      trial.steps = max(20, options.steps / 10)
      trial.warmup = min(options.warmup, trial.steps / 4)
      trial.quantizedSteps = 0
      let result = try run(trial)
      trials.append(
        Trial(
          learningRate: rate, steps: trial.steps, validationLoss: result.loss,
          seconds: result.seconds))
      // A run that diverged is worse than any other.
      return result.loss.isNaN ? .infinity : result.loss
    }
    let middle = try loss(options.learningRate)
    let lower = try loss(options.learningRate / 2)
    let isDownhill = lower < middle
    let factor = isDownhill ? 0.5 : 2
    var rate = isDownhill ? options.learningRate / 2 : options.learningRate
    var best = min(lower, middle)
    while trials.count < limit {
      let next = try loss(rate * factor)
      guard next < best else { break }
      (rate, best) = (rate * factor, next)
    }
    return trials
  }

  /// The best validation loss of a trial, or that of its last step where that is clearly worse and none was better than the start.
  ///
  /// Else rates that are too high would all be alike.
  public static func loss(of history: TuningHistory) -> Double {
    guard let start = history.validationLoss.first?.loss,
      let last = history.validationLoss.last?.loss, history.bestLoss >= start,
      last > (1 + clearly) * start
    else { return history.bestLoss }
    return last
  }

  /// A part of the loss that rates which only begin slowly do not add to it.
  private static let clearly = 0.25

  /// The index of the trial with the lowest validation loss; the first where all diverged, nil of none.
  public static func best(_ trials: [Trial]) -> Int? {
    guard !trials.isEmpty else { return nil }
    var best = 0
    for (index, trial) in trials.enumerated()
    where trial.validationLoss < trials[best].validationLoss
      || (trials[best].validationLoss.isNaN && !trial.validationLoss.isNaN)
    {
      best = index
    }
    return best
  }
}
