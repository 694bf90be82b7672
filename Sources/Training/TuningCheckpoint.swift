import Checkpoints
public import Faults
import Files
import JSON
public import Ranks
import Tensors

/// A tuning state on disk: a safetensors file with the numbers of every section, the best of them and the optimiser's
/// moments, and the history as JSON (`formats/tuning.md`).
///
/// Two generations are kept: a torn or foreign file is skipped with a reason and the one before it is used.
public struct TuningCheckpoint: Sendable {
  /// The newer of the two files; the older is beside it with `.old`.
  public let path: String
  /// Identifies inputs and settings; a checkpoint of another plan is never used.
  public let planDigest: String

  private static let schema = "xspress.tuning/2"
  private var olderPath: String { path + ".old" }

  /// A checkpoint at `path` for the run that `planDigest` names.
  public init(path: String, planDigest: String) {
    self.path = path
    self.planDigest = planDigest
  }

  /// Writes `state` atomically, keeping the previous file as the older generation.
  public func save(_ state: TuningState) throws(Fault) {
    let content = content(of: state)
    var writer = SafeTensorsWriter(metadata: [
      (key: "xspress", value: content.text),
      (key: "sha256", value: content.digest.hex),
    ])
    for (name, numbers) in zip(TuningCheckpoint.names(of: state), content.numbers) {
      try writer.add(name, dtype: .f32, shape: [numbers.count], floats: numbers)
    }
    if Paths.kind(of: path) == .file { try Paths.rename(path, to: olderPath) }
    _ = try writer.write(to: path)
  }

  /// What is kept of a state: the history as a JSON text, and the numbers in the order of ``names(of:)``.
  private struct Content: RankValue {
    var text: String
    var numbers: [[Float]]

    init(text: String, numbers: [[Float]]) {
      self.text = text
      self.numbers = numbers
    }

    func write(to bytes: inout RankBytes) {
      bytes.write(text)
      bytes.write(numbers.count)
      for part in numbers { bytes.write(part) }
    }

    init(from bytes: inout RankBytes) throws(Fault) {
      text = try bytes.read()
      numbers = []
      for _ in 0..<max(try bytes.read(Int.self), 0) { numbers.append(try bytes.readNumbers()) }
    }

    /// Of everything that is read back: a wrong bit would lead to another result.
    var digest: SHA256Digest {
      var hasher = SHA256Hasher()
      hasher.update(Array(text.utf8))
      for part in numbers { hasher.update(SHA256Digest.of(part).bytes) }
      return hasher.finalize()
    }
  }

  private func content(of state: TuningState) -> Content {
    let history = state.history
    let metadata: JSONValue = .object([
      "schema": .string(TuningCheckpoint.schema), "plan": .string(planDigest),
      "step": .integer(state.step),
      "bestStep": .integer(history.bestStep),
      // Without validation examples nothing is best before the first look.
      "bestLoss": history.bestLoss.isFinite ? .number(history.bestLoss) : .null,
      "roundingLevel": history.roundingLevel.map { .integer($0) } ?? .null,
      "trainLoss": .array(history.trainLoss.map { .number($0) }),
      "validationLoss": .array(
        history.validationLoss.map { .array([.integer($0.step), .number($0.loss)]) }),
      "trials": .array(
        history.trials.map { trial in
          .object([
            "learningRate": .number(trial.learningRate), "steps": .integer(trial.steps),
            "loss": trial.validationLoss.isFinite ? .number(trial.validationLoss) : .null,
            "seconds": .number(trial.seconds),
          ])
        }),
    ])
    return Content(
      text: metadata.text(),
      numbers: state.sections.flatMap { section in
        [
          section.values.flatMap(\.elements), section.best.flatMap(\.elements),
          section.optimizer.firstMoments, section.optimizer.secondMoments,
        ]
      })
  }

  /// The tensors of a state's sections.
  private static func names(of state: TuningState) -> [String] {
    state.sections.flatMap { section in
      ["", ".best", ".first_moments", ".second_moments"].map { section.name + $0 }
    }
  }

  /// Removes both generations; called once the run's result is safely written.
  public func remove() {
    for path in [path, olderPath] { Paths.removeIfPresent(path) }
  }

  /// The newest usable state that fits `template`, and why newer files were not used.
  public func load(matching template: TuningState) -> (state: TuningState?, warnings: [Warning]) {
    var warnings: [Warning] = []
    for candidate in [path, olderPath] where Paths.kind(of: candidate) == .file {
      do throws(Fault) {
        return (try read(candidate, template), warnings)
      } catch {
        warnings.append(Warning("TUNE-CHECKPOINT", "checkpoint not used: \(error.description)"))
      }
    }
    return (nil, warnings)
  }

  /// The same for all `ranks`, of which the first alone reads.
  public func load(
    matching template: TuningState, for ranks: Ranks
  ) throws(Fault) -> (state: TuningState?, warnings: [Warning]) {
    guard ranks.count > 1 else { return load(matching: template) }
    let own: (state: TuningState?, warnings: [Warning]) =
      ranks.isFirst ? load(matching: template) : (nil, [])
    let content = try ranks.first { () -> Content? in own.state.map { self.content(of: $0) } }
    if ranks.isFirst { return own }
    return (try content.map { (content) throws(Fault) in try state(content, template) }, [])
  }

  private func read(_ path: String, _ template: TuningState) throws(Fault) -> TuningState {
    let file = try SafeTensorsFile.open(path)
    let text = file.metadata["xspress"]?.stringValue ?? ""
    // Before tensors are looked for, which those of another plan need not have.
    _ = try history(text)
    let content = Content(
      text: text,
      numbers: try TuningCheckpoint.names(of: template).map { (name) throws(Fault) in
        try file.floats(of: try file.tensor(name))
      })
    let state = try state(content, template)
    guard file.metadata["sha256"]?.stringValue == content.digest.hex else {
      throw Fault(
        .badData, "TUNE-CHECKPOINT", "its content has not the SHA-256 that it names", path: path)
    }
    return state
  }

  /// The history, which must be this plan's.
  private func history(_ text: String) throws(Fault) -> JSONField {
    let fields = JSONField(try JSONValue.parse(text), code: "TUNE-CHECKPOINT")
    guard try fields["schema"].string() == TuningCheckpoint.schema,
      try fields["plan"].string() == planDigest
    else {
      throw Fault(.badData, "TUNE-PLAN", "it belongs to other inputs or settings", path: path)
    }
    return fields
  }

  private func state(_ content: Content, _ template: TuningState) throws(Fault) -> TuningState {
    let fields = try history(content.text)
    var state = template
    state.step = try fields["step"].int()
    state.history.bestStep = try fields["bestStep"].int()
    state.history.bestLoss =
      fields["bestLoss"].value == .null ? .infinity : try fields["bestLoss"].double()
    if fields["roundingLevel"].isPresent {
      state.history.roundingLevel = try fields["roundingLevel"].int()
    }
    for value in try fields["trainLoss"].array() {
      state.history.trainLoss.append(try value.double())
    }
    for value in try fields["validationLoss"].array() {
      let pair = try value.array()
      guard pair.count == 2 else { throw value.fault("expected [step, loss]") }
      state.history.validationLoss.append(
        TuningHistory.Point(step: try pair[0].int(), loss: try pair[1].double()))
    }
    state.history.trials = try fields["trials"].array().map { (trial) throws(Fault) in
      LearningRateSearch.Trial(
        learningRate: try trial["learningRate"].double(), steps: try trial["steps"].int(),
        validationLoss: trial["loss"].value == .null ? .nan : try trial["loss"].double(),
        seconds: try trial["seconds"].double())
    }
    let expected = self.content(of: template).numbers.map(\.count)
    let names = TuningCheckpoint.names(of: template)
    for (index, count) in expected.enumerated() {
      let found = index < content.numbers.count ? content.numbers[index].count : 0
      guard found == count else {
        throw Fault(
          .badData, "TUNE-SHAPE", "\(found) numbers, expected \(count)", tensor: names[index])
      }
    }
    for index in state.sections.indices {
      state.sections[index].values.fill(from: content.numbers[4 * index])
      state.sections[index].best.fill(from: content.numbers[4 * index + 1])
      state.sections[index].optimizer.firstMoments = content.numbers[4 * index + 2]
      state.sections[index].optimizer.secondMoments = content.numbers[4 * index + 3]
      state.sections[index].optimizer.step = state.step
    }
    return state
  }
}
