package import Artifacts
import Bases
package import Faults
import Files
import JSON
package import Recipes
package import Reports

/// The outcome of a race on disk, so that a run that goes on after an interruption need not race again
/// (`formats/manifest.md` §11).
package struct RaceFile {
  /// What an interrupted run of the same job decided on.
  package struct Decision {
    /// The form that won.
    package let form: Recipe.ArtifactForm
    /// How its latents are stored.
    package let storage: LatentStorage
    /// How.
    package let race: RaceRecord
  }

  private let path: String
  /// Names the job that the race is of; another job's decision is never used.
  private let digest: String
  private let isIgnored: Bool

  /// The file of a job's size.
  package init(_ job: JobContext, size: JobSize, rows: JobRows?) throws(Fault) {
    path = job.racePath
    let plan = try job.planDigest(.uniform(0), gateRows: rows?.gate.count ?? 0)
    digest = SHA256Digest.of(Array("\(plan) race \(size.bytes ?? 0)".utf8)).hex
    isIgnored = job.request.restarts
  }

  /// The decision, if there is one that can be read.
  package var decision: Decision? {
    guard !isIgnored, Paths.kind(of: path) == .file,
      let text = try? InputFile(path).readAll(limit: 1 << 20)
    else { return nil }
    func read() throws(Fault) -> RaceRecord? {
      let fields = JSONField(try JSONValue.parse(text), code: "RACE")
      guard try fields["plan"].string() == digest else { return nil }
      return try RaceRecord(json: fields["race"])
    }
    guard let race = try? read(), let winner = race.winner,
      let form = Recipe.ArtifactForm(rawValue: winner.form),
      let storage = LatentStorage(rawValue: winner.store)
    else { return nil }
    return Decision(form: form, storage: storage, race: race)
  }

  /// Writes the decision.
  func keep(_ race: RaceRecord) throws(Fault) {
    let value: JSONValue = .object(["plan": .string(digest), "race": race.json])
    try AtomicFile.write(path, text: value.text())
  }
}
