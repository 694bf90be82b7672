import Checkpoints
public import Faults
import Files
import JSON
import Tensors

/// A tuning state on disk: a safetensors file with the parameters, the best latents and the optimiser's
/// moments, and the history as JSON (`formats/tuning.md`).
///
/// Two generations are kept: a torn or foreign file is skipped with a reason and the one before it is used.
public struct TuningCheckpoint: Sendable {
  /// The newer of the two files; the older is beside it with `.old`.
  public let path: String
  /// Identifies inputs and settings; a checkpoint of another plan is never used.
  public let planDigest: String

  private static let schema = "xspress.tuning/1"
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
      "step": .integer(state.step), "optimizerStep": .integer(state.optimizer.step),
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
    let parts: [(String, [Float])] = [
      ("latents", state.latents.flatMap(\.elements)),
      ("best_latents", state.bestLatents.flatMap(\.elements)),
      ("first_moments", state.optimizer.firstMoments),
      ("second_moments", state.optimizer.secondMoments),
    ]
    let text = metadata.text()
    var writer = SafeTensorsWriter(metadata: [
      (key: "xspress", value: text),
      (key: "sha256", value: TuningCheckpoint.digest(text, parts.map(\.1)).hex),
    ])
    for (name, values) in parts {
      try writer.add(name, dtype: .f32, shape: [values.count], floats: values)
    }
    if Paths.kind(of: path) == .file { try Paths.rename(path, to: olderPath) }
    _ = try writer.write(to: path)
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
    state.optimizer.step = try fields["optimizerStep"].int()
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
    let count = template.optimizer.firstMoments.count
    func values(_ name: String) throws(Fault) -> [Float] {
      let values = try file.floats(of: try file.tensor(name))
      guard values.count == count else {
        throw Fault(
          .badData, "TUNE-SHAPE", "\(values.count) numbers, expected \(count)", tensor: name)
      }
      return values
    }
    let (latents, bestLatents) = (try values("latents"), try values("best_latents"))
    state.optimizer.firstMoments = try values("first_moments")
    state.optimizer.secondMoments = try values("second_moments")
    let digest = TuningCheckpoint.digest(
      text, [latents, bestLatents, state.optimizer.firstMoments, state.optimizer.secondMoments])
    guard file.metadata["sha256"]?.stringValue == digest.hex else {
      throw Fault(
        .badData, "TUNE-CHECKPOINT", "its content has not the SHA-256 that it names", path: path)
    }
    fill(&state.latents, latents)
    fill(&state.bestLatents, bestLatents)
    return state
  }

  /// Of everything that is read back: a wrong bit would lead to another result.
  private static func digest(_ text: String, _ parts: [[Float]]) -> SHA256Digest {
    var hasher = SHA256Hasher()
    hasher.update(Array(text.utf8))
    for part in parts { hasher.update(SHA256Digest.of(part).bytes) }
    return hasher.finalize()
  }

  private func fill(_ matrices: inout [Matrix<Float>], _ values: [Float]) {
    var offset = 0
    for index in matrices.indices {
      let count = matrices[index].elements.count
      matrices[index].elements = Array(values[offset..<offset + count])
      offset += count
    }
  }
}
