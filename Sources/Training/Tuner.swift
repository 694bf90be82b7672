import Checkpoints
import Evaluation
public import Faults
import Files
import LinearAlgebra
import Models
import Ranks
import Tensors

/// Fine-tunes what of a student trains to match its teacher, the labels, or both.
///
/// A step costs one forward pass and one backward pass through activations; no gradient of a full weight
/// exists. Deterministic: the same student, data and options give the same numbers on one machine, whatever the
/// number of threads or ranks, resumed or not.
public final class Tuner {
  /// The model being tuned.
  public let student: StudentModel
  /// The settings.
  public private(set) var options: TuningOptions
  /// The state so far: what a checkpoint holds.
  public internal(set) var state: TuningState
  private let data: TuningData
  private let trainables: [any Trainable]
  /// What is in force in the student, by trainable.
  private var inForce: [[Matrix<Float>]] = []
  private var order: DataOrder

  /// A run from where `trainables` start; the student was made for them.
  package init(
    student: StudentModel, data: TuningData, options: TuningOptions, trainables: [any Trainable]
  ) {
    self.student = student
    self.options = options
    self.data = data
    self.trainables = trainables
    order = DataOrder(
      count: data.training.count, batchSize: options.batchSize, seed: options.seed)
    data.trainingTeacher?.arrange(
      order.firstEpoch, chunkSize: options.batchSize, wanted: options.steps)
    state = TuningState(trainables)
    // Later epochs have other batches, of about as many tokens.
    student.trainingPool.expect(
      tokens: data.training.mostTokens(order.firstBatches(options.steps)))
  }

  /// Continues from a checkpointed state, whose sections must be this run's.
  public func resume(from state: TuningState) {
    precondition(state.sections.map(\.name) == self.state.sections.map(\.name))
    self.state = state
  }

  /// Records the learning rates tried before this run; they go into its checkpoints.
  public func keep(trials: [LearningRateSearch.Trial]) {
    state.history.trials = trials
  }

  /// Runs the remaining steps, after which the student carries what was best, however they ended; `checkpoint` is called with
  /// the state at every checkpoint interval.
  ///
  /// - Throws: `NUM-DIVERGE` where the loss stops being finite or rises tenfold above its start; `RUN-STOPPED`
  ///   where the process is interrupted, after a checkpoint; what `checkpoint` throws.
  public func run(
    progress: (TuningState) -> Void = { _ in },
    checkpoint: (TuningState) throws(Fault) -> Void = { (_) throws(Fault) in }
  ) throws(Fault) {
    do throws(Fault) {
      try runSteps(progress: progress, checkpoint: checkpoint)
    } catch {
      if error.code == Interruption.code, state.step > 0 { try checkpoint(state) }
      try applyBest()
      throw error
    }
    try applyBest()
  }

  private func applyBest() throws(Fault) {
    try apply(
      state.sections.map(\.best),
      roundedAt: isRounding(state.history.bestStep) ? state.history.roundingLevel ?? 0 : nil)
  }

  private func runSteps(
    progress: (TuningState) -> Void, checkpoint: (TuningState) throws(Fault) -> Void
  ) throws(Fault) {
    // Also where a run was interrupted between a step and its validation.
    if isValidationDue, state.history.validationLoss.last?.step != state.step { try validate() }
    settleLearningRate()
    try agree()
    while state.step < options.steps && !isStoppedEarly {
      try takeStep()
      if state.step % Tuner.agreementInterval == 0 || state.step == options.steps { try agree() }
      if isValidationDue { try validate() }
      progress(state)
      if state.step % options.checkpointInterval == 0 || state.step == options.steps {
        try checkpoint(state)
      }
    }
  }

  /// Steps between comparisons of what ranks have come to.
  private static let agreementInterval = 10

  /// Ends a run whose ranks have come to different numbers: from then on they would train different models.
  ///
  /// - Throws: 65 `RANK-DIFFERS`.
  private func agree() throws(Fault) {
    try data.ranks.agree {
      let numbers = state.sections.flatMap { $0.values.flatMap(\.elements) }
      return [("what is trained after \(state.step) steps", SHA256Digest.of(numbers).hex)]
    }
  }

  /// Whether the state is measured as it is now: at the start, now and then, and at the end.
  private var isValidationDue: Bool {
    state.step % options.validationInterval == 0 || state.step == options.steps
  }

  /// Lowers the rate where the start is near; a resumed run remembers its start.
  private func settleLearningRate() {
    guard let rule = options.nearStart, let start = state.history.validationLoss.first,
      start.step == 0
    else { return }
    options.learningRate *= rule.share(at: start.loss)
    options.nearStart = nil
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
    try applyCurrent()
    let (loss, gradients) = try gradient(of: order.indices(step: state.step))
    state.history.trainLoss.append(loss)
    let start = state.history.trainLoss.first ?? loss
    guard loss.isFinite, loss <= 10 * max(start, 1) else {
      throw Fault(
        .badData, "NUM-DIVERGE",
        "training loss \(loss) at step \(state.step + 1), \(start) at the first")
    }
    let rate = options.learningRate(at: state.step)
    for (index, trainable) in trainables.enumerated() {
      let pulled = trainable.pullBack(
        trainable.gradients(of: gradients), values: state.sections[index].values,
        inForce: inForce[index])
      state.sections[index].move(along: pulled, learningRate: rate)
    }
    state.step += 1
  }

  /// The mean loss over the completion positions of the examples, and the gradients of what is in force.
  private func gradient(of indices: [Int]) throws(Fault) -> (Double, StudentGradients) {
    let groups = data.training.microBatches(indices)
    let teachers = try groups.map { (group) throws(Fault) in
      options.objective == .ce ? nil : try data.trainingTeacher?.hidden(group)
    }
    let positions = indices.reduce(0) { $0 + data.training[$1].completion.count }
    let objective = options.objective.weights
    let (training, trainsVectors, classes) = (data.training, student.trainsVectors, student.classes)
    let pool = student.trainingPool
    let parts = try data.ranks.share(groups.count) { (mine) throws(Fault) in
      let batches = mine.map { TokenBatch(examples: groups[$0].map { training[$0] }) }
      let passes = try pool.gradients(
        batches.map { DecoderPool.Group([$0], state: PassOutcome()) }, trainsFactors: trainsVectors
      ) { (outcome, place, _, decoder, hidden) throws(Fault) in
        let batch = batches[place]
        let share = Double(batch.lossPositions.count) / Double(max(positions, 1))
        let sums = classes == nil ? nil : ClassGradients()
        var (value, gradient) = decoder.head.loss(
          hidden, targets: batch.targets, values: batch.values, teacher: teachers[mine[place]],
          objective: objective, gradients: sums)
        for element in gradient.elements.indices { gradient.elements[element] *= Float(share) }
        outcome.loss = value * share
        if let classes, let sums {
          outcome.head = classes.gradients(sums).map { $0.scaled(by: Float(share)) }
        }
        return gradient
      }
      return passes.map { outcome, gradients in
        BatchGradient(
          loss: outcome.loss,
          gradients: StudentGradients(
            latents: gradients[0].latents,
            vectors: gradients[0].factors.flatMap { [$0.output, $0.input] }, head: outcome.head))
      }
    }
    var sum = parts[0].gradients
    for part in parts.dropFirst() { sum.add(part.gradients) }
    return (parts.reduce(0) { $0 + $1.loss }, sum)
  }

  /// Whether step `step` (0-based) works on rounded latents.
  private func isRounding(_ step: Int) -> Bool {
    options.quantizedSteps > 0 && step >= options.steps - options.quantizedSteps
  }

  /// Whether rounded steps are still to come: until then nothing has been seen of what will be stored.
  private var awaitsRounding: Bool { options.quantizedSteps > 0 && !isRounding(state.step) }

  /// Puts the current numbers into the student, rounded as stored in the last steps.
  private func applyCurrent() throws(Fault) {
    let values = state.sections.map(\.values)
    guard isRounding(state.step) else { return try apply(values, roundedAt: nil) }
    if state.history.roundingLevel == nil {
      for (trainable, values) in zip(trainables, values) {
        guard let level = try trainable.roundingLevel(of: values) else { continue }
        state.history.roundingLevel = level
      }
    }
    try apply(values, roundedAt: state.history.roundingLevel ?? 0)
  }

  private func apply(_ values: [[Matrix<Float>]], roundedAt level: Int?) throws(Fault) {
    inForce = []
    for (trainable, values) in zip(trainables, values) {
      let matrices = try trainable.inForce(values, roundedAt: level)
      trainable.apply(matrices, to: student)
      inForce.append(matrices)
    }
  }

  /// Measures on validation and keeps the best; without validation examples the newest is kept.
  private func validate() throws(Fault) {
    try applyCurrent()
    guard !data.validation.isEmpty else {
      state.history.bestLoss = state.history.trainLoss.last ?? .infinity
      return keepAsBest()
    }
    // What steps keep would lie idle beside what a pass in another precision needs, and that beside the next steps.
    let hasPoolOfItsOwn = student.pool !== student.trainingPool
    if hasPoolOfItsOwn {
      student.trainingPool.dropBuffers()
      ProcessMemory.giveBack()
    }
    let loss = try data.validationLoss(of: student, objective: options.objective)
    if hasPoolOfItsOwn { ProcessMemory.giveBack() }
    state.history.validationLoss.append(
      TuningHistory.Point(step: state.step, loss: loss))
    // Latents from before rounding began would be rounded after all when they are stored: the first
    // rounded ones replace them however good they were.
    if loss < state.history.bestLoss
      || isRounding(state.step) && !isRounding(state.history.bestStep)
    {
      state.history.bestLoss = loss
      keepAsBest()
    }
  }

  private func keepAsBest() {
    state.history.bestStep = state.step
    for index in state.sections.indices {
      state.sections[index].best = state.sections[index].values
    }
  }
}

/// What the head makes of one pass of a step.
private struct PassOutcome: Sendable {
  var loss = 0.0
  /// Of the numbers of a head for classes that trains; else none.
  var head: [Matrix<Float>] = []
}
