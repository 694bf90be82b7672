import Checkpoints
public import Faults
import Files
import JSON
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
    let history = state.history
    let metadata: JSONValue = .object([
      "schema": .string(TuningCheckpoint.schema), "plan": .string(planDigest),
      "step": .integer(state.step),
      "bestStep": .integer(history.bestStep), "bestLoss": .number(history.bestLoss),
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
    let parts = state.sections.flatMap(TuningCheckpoint.tensors)
    let text = metadata.text()
    var writer = SafeTensorsWriter(metadata: [
      (key: "xspress", value: text),
      (key: "sha256", value: TuningCheckpoint.digest(text, parts.map(\.numbers)).hex),
    ])
    for (name, numbers) in parts {
      try writer.add(name, dtype: .f32, shape: [numbers.count], floats: numbers)
    }
    if Paths.kind(of: path) == .file { try Paths.rename(path, to: olderPath) }
    _ = try writer.write(to: path)
  }

  /// The tensors of a section, in the order of the digest.
  private static func tensors(
    of section: TuningState.Section
  ) -> [(name: String, numbers: [Float])] {
    [
      (section.name, section.values.flatMap(\.elements)),
      (section.name + ".best", section.best.flatMap(\.elements)),
      (section.name + ".first_moments", section.optimizer.firstMoments),
      (section.name + ".second_moments", section.optimizer.secondMoments),
    ]
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

  private func read(_ path: String, _ template: TuningState) throws(Fault) -> TuningState {
    let file = try SafeTensorsFile.open(path)
    let text = file.metadata["xspress"]?.stringValue ?? ""
    let fields = JSONField(try JSONValue.parse(text), code: "TUNE-CHECKPOINT")
    guard try fields["schema"].string() == TuningCheckpoint.schema,
      try fields["plan"].string() == planDigest
    else {
      throw Fault(.badData, "TUNE-PLAN", "it belongs to other inputs or settings", path: path)
    }
    var state = template
    state.step = try fields["step"].int()
    state.history.bestStep = try fields["bestStep"].int()
    state.history.bestLoss = try fields["bestLoss"].double()
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
    var parts: [[Float]] = []
    for index in state.sections.indices {
      let expected = TuningCheckpoint.tensors(of: state.sections[index])
      let found = try expected.map { (tensor) throws(Fault) in
        try TuningCheckpoint.numbers(tensor.name, count: tensor.numbers.count, of: file)
      }
      state.sections[index].values.fill(from: found[0])
      state.sections[index].best.fill(from: found[1])
      state.sections[index].optimizer.firstMoments = found[2]
      state.sections[index].optimizer.secondMoments = found[3]
      state.sections[index].optimizer.step = state.step
      parts += found
    }
    guard file.metadata["sha256"]?.stringValue == TuningCheckpoint.digest(text, parts).hex else {
      throw Fault(
        .badData, "TUNE-CHECKPOINT", "its content has not the SHA-256 that it names", path: path)
    }
    return state
  }

  private static func numbers(
    _ name: String, count: Int, of file: SafeTensorsFile
  ) throws(Fault) -> [Float] {
    let numbers = try file.floats(of: try file.tensor(name))
    guard numbers.count == count else {
      throw Fault(
        .badData, "TUNE-SHAPE", "\(numbers.count) numbers, expected \(count)", tensor: name)
    }
    return numbers
  }

  /// Of everything that is read back: a wrong bit would lead to another result.
  private static func digest(_ text: String, _ parts: [[Float]]) -> SHA256Digest {
    var hasher = SHA256Hasher()
    hasher.update(Array(text.utf8))
    for part in parts { hasher.update(SHA256Digest.of(part).bytes) }
    return hasher.finalize()
  }
}
