/// How the latents were tuned, with every trial of the search.
public struct TuningRecord: Hashable, Sendable {
  /// One point of a loss curve.
  public struct Point: Hashable, Sendable {
    /// Optimiser steps taken.
    public var step: Int
    /// Loss per completion token.
    public var loss: Double

    /// Creates a point.
    public init(step: Int, loss: Double) {
      self.step = step
      self.loss = loss
    }
  }

  /// One setting that was tried on the validation split.
  public struct Trial: Hashable, Sendable {
    /// What was tried.
    public var settings: [Setting]
    /// Optimiser steps of the trial.
    public var steps: Int
    /// The best validation loss it reached; NaN if it diverged.
    public var validationLoss: Double
    /// Wall time.
    public var seconds: Double
    /// Whether the run went on with it.
    public var isChosen: Bool

    /// Creates a trial.
    public init(
      settings: [Setting], steps: Int, validationLoss: Double, seconds: Double, isChosen: Bool
    ) {
      self.settings = settings
      self.steps = steps
      self.validationLoss = validationLoss
      self.seconds = seconds
      self.isChosen = isChosen
    }
  }

  /// Objective, coordinates, learning rate, batch size, warm-up, schedule, splits.
  public var settings: [Setting]
  /// Optimiser steps taken in the final run.
  public var steps: Int
  /// The step whose latents were kept.
  public var bestStep: Int
  /// Training loss by step.
  public var trainLoss: [Point]
  /// Validation loss by step.
  public var validationLoss: [Point]
  /// The search, in the order of the trials; test examples are never used.
  public var trials: [Trial]
  /// Wall time of search and final run together.
  public var seconds: Double

  /// Creates a record.
  public init(
    settings: [Setting], steps: Int, bestStep: Int, trainLoss: [Point],
    validationLoss: [Point] = [], trials: [Trial] = [], seconds: Double
  ) {
    self.settings = settings
    self.steps = steps
    self.bestStep = bestStep
    self.trainLoss = trainLoss
    self.validationLoss = validationLoss
    self.trials = trials
    self.seconds = seconds
  }
}
