import Checkpoints
import Evaluation
public import Faults
import Models
public import Tensors

/// Fine-tunes the latents of a student to match its teacher, the labels, or both.
///
/// A step costs one forward pass and one backward pass through activations; no gradient of a full weight
/// exists. Deterministic: the same student, data and options give the same latents on one machine, whatever the
/// number of threads, resumed or not.
public final class Tuner {
  /// The model being tuned.
  public let student: StudentModel
  /// The settings.
  public private(set) var options: TuningOptions
  /// The state so far: what a checkpoint holds.
  public internal(set) var state: TuningState
  private let data: TuningData
  private let coordinates: [ModuleCoordinates]?
  private let residual: ResidualTraining?
  /// The residual's vectors in force.
  private var vectors: [Matrix<Float>] = []
  private let roundTrip: ((Int, Matrix<Float>, Int) throws(Fault) -> Matrix<Float>)?
  private let settleRounding: (([Matrix<Float>]) throws(Fault) -> Int)?
  private let masks: [Matrix<Float>]?
  private var order: DataOrder

  /// A run from the student's current latents.
  ///
  /// - Parameters:
  ///   - coordinates: One per module for `whitened`, nil for `plain`.
  ///   - residual: Trains the residual's vectors too; the student was made for it.
  ///   - roundTrip: Rounds a module's latent as storage will, at a level of coarseness; used in the last
  ///     `quantizedSteps` steps.
  ///   - settleRounding: The level for that, asked once with all latents when rounding begins; 0 without.
  ///   - masks: One per module, multiplied into its latent's gradient: where it is 0 nothing is trained.
  public init(
    student: StudentModel, data: TuningData, options: TuningOptions,
    coordinates: [ModuleCoordinates]? = nil, residual: ResidualTraining? = nil,
    roundTrip: ((Int, Matrix<Float>, Int) throws(Fault) -> Matrix<Float>)? = nil,
    settleRounding: (([Matrix<Float>]) throws(Fault) -> Int)? = nil,
    masks: [Matrix<Float>]? = nil
  ) {
    self.student = student
    self.options = options
    self.data = data
    self.coordinates = coordinates
    self.residual = residual
    self.roundTrip = roundTrip
    self.settleRounding = settleRounding
    self.masks = masks
    order = DataOrder(
      count: data.training.count, batchSize: options.batchSize, seed: options.seed)
    data.trainingTeacher?.arrange(order.firstEpoch, chunkSize: options.batchSize)
    state = TuningState(
      latents: zip(student.latents, student.latents.indices).map { latent, index in
        coordinates?[index].coordinates(latent) ?? latent
      } + (residual?.parameters ?? []))
    state.bestLatents.replaceSubrange(student.modules.indices, with: student.latents)
  }

  /// The codes of the residual's vectors that were best, output then input ones of every module that has them.
  public var bestResidual: [CodedColumns] {
    residualCodes(state.bestLatents)
  }

  /// The latents that were best.
  public var bestLatents: [Matrix<Float>] {
    Array(state.bestLatents.prefix(student.modules.count))
  }

  /// Continues from a checkpointed state, whose shapes must be this run's.
  public func resume(from state: TuningState) {
    precondition(state.latents.count == self.state.latents.count)
    self.state = state
  }

  /// Records the learning rates tried before this run; they go into its checkpoints.
  public func keep(trials: [LearningRateSearch.Trial]) {
    state.history.trials = trials
  }

  /// Runs the remaining steps; `checkpoint` is called with the state at every checkpoint interval.
  ///
  /// - Throws: `NUM-DIVERGE` where the loss stops being finite or rises tenfold above its start; `RUN-STOPPED`
  ///   where the process is interrupted, after a checkpoint; what `checkpoint` throws. The student then
  ///   carries the best latents so far.
  public func run(
    progress: (TuningState) -> Void = { _ in },
    checkpoint: (TuningState) throws(Fault) -> Void = { (_) throws(Fault) in }
  ) throws(Fault) {
    defer {
      student.latents = bestLatents
      setResidual(bestResidual.map(\.matrix))
    }
    do throws(Fault) {
      try runSteps(progress: progress, checkpoint: checkpoint)
    } catch  where error.code == "RUN-STOPPED" {
      if state.step > 0 { try checkpoint(state) }
      throw error
    }
  }

  private func runSteps(
    progress: (TuningState) -> Void, checkpoint: (TuningState) throws(Fault) -> Void
  ) throws(Fault) {
    if state.step == 0 && state.history.validationLoss.isEmpty { try validate() }
    settleLearningRate()
    while state.step < options.steps && !isStoppedEarly {
      try takeStep()
      if state.step % options.validationInterval == 0 || state.step == options.steps {
        try validate()
      }
      progress(state)
      if state.step % options.checkpointInterval == 0 || state.step == options.steps {
        try checkpoint(state)
      }
    }
  }

  /// Lowers the rate where the start is near; a resumed run remembers its start.
  private func settleLearningRate() {
    guard let full = options.fullRateLoss, let start = state.history.validationLoss.first,
      start.step == 0
    else { return }
    options.learningRate *= min(1, max(start.loss / full, 0.1))
    options.fullRateLoss = nil
  }

  private var isStoppedEarly: Bool {
    guard let patience = options.patience, !awaitsRounding else { return false }
    let losses = state.history.validationLoss
    guard let best = losses.firstIndex(where: { $0.step == state.history.bestStep }) else {
      return false
    }
    return losses.count - 1 - best >= patience
  }

  private func takeStep() throws(Fault) {
    try loadLatents()
    let indices = order.indices(step: state.step)
    let (loss, gradients) = try gradient(of: indices)
    state.history.trainLoss.append(loss)
    let start = state.history.trainLoss.first ?? loss
    guard loss.isFinite, loss <= 10 * max(start, 1) else {
      throw Fault(
        .badData, "NUM-DIVERGE",
        "training loss \(loss) at step \(state.step + 1), \(start) at the first")
    }
    var parameters = state.latents.flatMap(\.elements)
    state.optimizer.update(
      &parameters, gradient: gradients, learningRate: options.learningRate(at: state.step))
    var offset = 0
    for index in state.latents.indices {
      let count = state.latents[index].elements.count
      state.latents[index].elements = Array(parameters[offset..<offset + count])
      offset += count
    }
    state.step += 1
  }

  /// The mean loss over the completion positions of the examples and its gradient in the optimiser's
  /// coordinates, flattened.
  private func gradient(of indices: [Int]) throws(Fault) -> (Double, [Float]) {
    let groups = data.training.microBatches(indices)
    let teachers = try groups.map { (group) throws(Fault) in
      options.objective == .ce ? nil : try data.trainingTeacher?.hidden(group)
    }
    let positions = indices.reduce(0) { $0 + data.training[$1].completion.count }
    let objective = options.objective.weights
    let (modules, training) = (student.modules, data.training)
    let parts = try student.trainingPool.map(groups.count) { (index, decoder) throws(Fault) in
      let batch = TokenBatch(examples: groups[index].map { training[$0] })
      let hidden = try decoder.forward(batch, recording: true)
      let share = Double(batch.lossPositions.count) / Double(max(positions, 1))
      var (loss, gradient) = decoder.head.loss(
        hidden, targets: batch.targets, teacher: teachers[index], objective: objective)
      for element in gradient.elements.indices { gradient.elements[element] *= Float(share) }
      let factors = FactorGradients()
      let cores = try decoder.backward(gradient, factors: factors)
      return (loss: loss * share, gradients: cores + Tuner.inOrder(factors, modules))
    }
    var sum = parts[0].gradients
    for part in parts.dropFirst() {
      for index in sum.indices { sum[index].add(part.gradients[index]) }
    }
    for index in student.modules.indices {
      if let coordinates { sum[index] = coordinates[index].latent(sum[index]) }
      if let masks { sum[index].multiply(by: masks[index]) }
    }
    for (index, vectors) in vectors.enumerated() {
      let place = student.modules.count + index
      sum[place] = ResidualTraining.gradient(
        sum[place], inForce: vectors, parameters: state.latents[place])
    }
    return (parts.reduce(0) { $0 + $1.loss }, sum.flatMap(\.elements))
  }

  /// Whether step `step` (0-based) works on rounded latents.
  private func isRounding(_ step: Int) -> Bool {
    options.quantizedSteps > 0 && step >= options.steps - options.quantizedSteps
  }

  /// Whether rounded steps are still to come: until then nothing has been seen of what will be stored.
  private var awaitsRounding: Bool { options.quantizedSteps > 0 && !isRounding(state.step) }

  /// Puts the current latents into the student, rounded as stored in the last steps.
  ///
  /// The optimiser's own latents are never rounded: it moves them by the gradient at the rounded ones
  /// (straight-through), so that small steps add up until a code changes.
  private func loadLatents() throws(Fault) {
    setResidual(residualCodes(state.latents).map(\.matrix))
    var latents = state.latents.prefix(student.modules.count).enumerated().map { index, latent in
      coordinates?[index].latent(latent) ?? latent
    }
    if let roundTrip, isRounding(state.step) {
      if state.history.roundingLevel == nil, let settleRounding {
        state.history.roundingLevel = try settleRounding(latents)
      }
      let level = state.history.roundingLevel ?? 0
      for index in latents.indices { latents[index] = try roundTrip(index, latents[index], level) }
    }
    student.latents = latents
  }

  /// Gradients of trained vectors, output then input ones of every module that has them.
  private static func inOrder(
    _ factors: FactorGradients, _ modules: [LinearModule]
  ) -> [Matrix<Float>] {
    modules.flatMap { module in
      factors[module.layer, module.kind].map { [$0.output, $0.input] } ?? []
    }
  }

  /// The codes that the last of `parameters` stand for.
  private func residualCodes(_ parameters: [Matrix<Float>]) -> [CodedColumns] {
    guard let residual else { return [] }
    return parameters.dropFirst(student.modules.count).enumerated().map {
      residual.codes($0, $1)
    }
  }

  /// Puts vectors of the residual in force.
  private func setResidual(_ matrices: [Matrix<Float>]) {
    guard let residual else { return }
    vectors = matrices
    for index in stride(from: 0, to: matrices.count, by: 2) {
      student.setResidual(
        residual.places[index], output: matrices[index], input: matrices[index + 1])
    }
  }

  /// Measures on validation and keeps the best; without validation examples the newest is kept.
  private func validate() throws(Fault) {
    try loadLatents()
    guard !data.validation.isEmpty else {
      state.history.bestLoss = state.history.trainLoss.last ?? .infinity
      state.history.bestStep = state.step
      keepAsBest()
      return
    }
    let loss = try data.validationLoss(of: student, objective: options.objective)
    state.history.validationLoss.append(
      TuningHistory.Point(step: state.step, loss: loss))
    // Latents from before rounding began would be rounded after all when they are stored: the first
    // rounded ones replace them however good they were.
    if loss < state.history.bestLoss
      || isRounding(state.step) && !isRounding(state.history.bestStep)
    {
      state.history.bestLoss = loss
      state.history.bestStep = state.step
      keepAsBest()
    }
  }

  /// What is in force is the best so far; vectors of a residual are kept as the numbers their codes come from.
  private func keepAsBest() {
    state.bestLatents =
      student.latents + state.latents.dropFirst(student.modules.count)
  }
}

extension Matrix where Scalar == Float {
  /// Multiplies by `other`, elementwise.
  fileprivate mutating func multiply(by other: Matrix<Float>) {
    for index in elements.indices { elements[index] *= other.elements[index] }
  }

  /// Adds `other`, elementwise.
  fileprivate mutating func add(_ other: Matrix<Float>) {
    for index in elements.indices { elements[index] += other.elements[index] }
  }
}
