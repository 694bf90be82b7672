public import Faults
import Files
import Foundation
import JSON
public import Recipes
public import Reports

/// Makes golden cases of a run's own results, so that a later version, machine or setting can be held against them
/// (`formats/golden.md` §8).
///
/// A conversion without tuning becomes a case that converts again; what was measured, one that measures the kept artifact
/// again. What is there already is compared, and replaced only where that is accepted.
public struct GoldenRecorder {
  /// A finished job of a run.
  public struct Job {
    /// What was asked for.
    public var plan: JobPlan
    /// What came of it.
    public var record: JobRecord
    /// Its artifact.
    public var artifactPath: String

    /// A job with its record and artifact.
    public init(plan: JobPlan, record: JobRecord, artifactPath: String) {
      self.plan = plan
      self.record = record
      self.artifactPath = artifactPath
    }
  }

  /// What became of one case.
  public struct Outcome: Sendable {
    /// Its state beside what was there.
    public enum State: String, Sendable {
      case new, same, changed
    }

    /// The case, such as `my-lora.accuracy`.
    public let name: String
    /// As found before anything was written.
    public let state: State
    /// What differs, one line each.
    public let differences: [String]
  }

  private let directory: String
  private let accepts: Bool
  private let inputs: RecordedInputs

  /// A recorder into `directory`; with `accepts` cases that differ are replaced.
  public init(directory: String, accepts: Bool) {
    self.directory = directory
    self.accepts = accepts
    inputs = RecordedInputs(directory: directory)
  }

  /// Records the cases of a job and says what became of each.
  ///
  /// - Throws: 64 `GV-PLACE` where an input lies outside of the folder that holds the golden directory; what reading
  ///   and writing throws.
  public func record(_ job: Job) throws(Fault) -> [Outcome] {
    var outcomes: [Outcome] = []
    for recorded in try cases(of: job) {
      let name = job.plan.name + "." + recorded.kind
      let folder = Paths.join(directory, name)
      let path = Paths.join(folder, GoldenCase.fileName)
      var differences: [String] = []
      let isThere = Paths.kind(of: path) == .file
      if isThere {
        let old = try JSONValue.parse(try InputFile(path).readAll(limit: GoldenCase.sizeLimit))
        // Who recorded it, and when, is no difference.
        differences = JSONDifference.lines(
          RecordedCase.withoutProvenance(old), RecordedCase.withoutProvenance(recorded.json))
      }
      let state: Outcome.State = !isThere ? .new : differences.isEmpty ? .same : .changed
      outcomes.append(Outcome(name: name, state: state, differences: differences))
      guard state == .new || (state == .changed && accepts) else { continue }
      try Paths.makeDirectory(folder)
      let bytes = try InputFile(job.artifactPath).readAll(limit: Int.max)
      try AtomicFile.write(Paths.join(folder, RecordedCase.artifactName), bytes: bytes)
      try AtomicFile.write(path, text: recorded.json.text(pretty: true))
    }
    return outcomes
  }

  private func cases(of job: Job) throws(Fault) -> [RecordedCase] {
    let base = try inputs.input(job.plan.basePath)
    let kept = RecordedInputs.file(
      RecordedCase.artifactName, try SHA256Digest.of(try InputFile(job.artifactPath)))
    var cases: [RecordedCase] = []
    if RecordedRecipe.isRepeatable(job.plan.recipe), let adapter = job.plan.adapterPath {
      let files = RecordedRecipe.files(job.plan.recipe)
      var named: [(String, JSONValue)] = [
        ("base", base), ("adapter", try inputs.input(adapter)), ("artifact", kept),
      ]
      for file in files { named.append((file.role, try inputs.input(file.path))) }
      cases.append(.conversion(job.plan, inputs: named, files: files.map(\.role)))
    }
    if let evaluation = job.record.evaluation, let data = job.plan.recipe.evaluation?.path,
      let measured = evaluation.variants.first(where: { $0.kind == .stored })
    {
      cases.append(
        .accuracy(
          job.plan, measured, skip: evaluation.data.skipped,
          inputs: [("base", base), ("artifact", kept), ("data", try inputs.input(data))]))
    }
    return cases
  }
}
