public import Tensors

/// Everything a tuning run needs to go on from where it stands.
public struct TuningState: Sendable {
  /// Steps taken.
  public internal(set) var step = 0
  /// The parameters in the optimiser's coordinates, one matrix per module.
  public internal(set) var latents: [Matrix<Float>]
  /// The latents that were best on validation.
  public internal(set) var bestLatents: [Matrix<Float>]
  /// Optimiser state.
  public internal(set) var optimizer: AdamW
  /// Losses so far.
  public internal(set) var history = TuningHistory()

  /// A state before the first step.
  package init(latents: [Matrix<Float>]) {
    self.latents = latents
    bestLatents = latents
    optimizer = AdamW(count: latents.reduce(0) { $0 + $1.elements.count })
  }
}
