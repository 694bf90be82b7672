public import Faults

/// A short search for the learning rate on the validation split: the same schedule in a fraction of the steps
/// at each candidate, the best validation loss wins.
public enum LearningRateSearch {
  /// One candidate that was tried.
  public struct Trial: Sendable, Hashable {
    /// The peak learning rate.
    public var learningRate: Double
    /// Steps taken.
    public var steps: Int
    /// Best validation loss; NaN where it diverged.
    public var validationLoss: Double
    /// Wall time.
    public var seconds: Double
  }

  /// Factors on the given learning rate that are tried.
  public static let factors = [1.0 / 3, 1, 3]

  /// Tries every factor with a fifth of the steps, at least 20.
  ///
  /// - Parameter run: Tunes from the start with these options and returns the best validation loss.
  /// - Returns: All trials and the index of the best; the middle factor where all diverged.
  public static func search(
    _ options: TuningOptions,
    run: (TuningOptions) throws(Fault) -> (loss: Double, seconds: Double)
  ) throws(Fault) -> (trials: [Trial], best: Int) {
    var trials: [Trial] = []
    for factor in factors {
      var trial = options
      trial.learningRate = options.learningRate * factor
      trial.steps = max(20, options.steps / 5)
      trial.warmup = min(options.warmup, trial.steps / 4)
      trial.quantizedSteps = 0
      let result = try run(trial)
      trials.append(
        Trial(
          learningRate: trial.learningRate, steps: trial.steps, validationLoss: result.loss,
          seconds: result.seconds))
    }
    var best = factors.count / 2
    for (index, trial) in trials.enumerated()
    where trial.validationLoss < trials[best].validationLoss || trials[best].validationLoss.isNaN {
      best = index
    }
    return (trials, best)
  }
}
