package import Artifacts
import Bases
package import Faults
import Files
import JSON
import Ranks
package import Recipes
package import Reports
import Sessions

/// The outcome of a race on disk, so that a run that goes on after an interruption need not race again
/// (`formats/manifest.md` §11).
package struct RaceFile {
  /// What an interrupted run of the same job decided on.
  package struct Decision {
    /// The form that won.
    package let form: Recipe.ArtifactForm
    /// How its latents are stored.
    package let storage: LatentStorage
    /// What chose its pairs.
    package let pairChoice: RaceRecord.PairChoice?
    /// How.
    package let race: RaceRecord
  }

  private let path: String
  /// Names the job that the race is of; another job's decision is never used.
  private let digest: String
  private let isIgnored: Bool
  private let ranks: Ranks

  /// The file of a job's size.
  package init(_ job: JobContext, size: JobSize, rows: JobRows?) throws(Fault) {
    path = job.racePath
    let plan = try job.planDigest(.uniform(0), gateRows: rows?.gate.count ?? 0)
    digest = SHA256Digest.of(Array("\(plan) race \(size.bytes ?? 0)".utf8)).hex
    isIgnored = job.request.restarts
    ranks = job.session.ranks
  }

  /// The decision, if there is one that can be read: by the first rank, for all.
  package func decision() throws(Fault) -> Decision? {
    let kept = try ranks.first { () -> String? in
      guard !isIgnored, Paths.kind(of: path) == .file,
        let bytes = try? InputFile(path).readAll(limit: 1 << 20)
      else { return nil }
      return String(decoding: bytes, as: UTF8.self)
    }
    guard let text = kept else { return nil }
    func read() throws(Fault) -> RaceRecord? {
      let fields = JSONField(try JSONValue.parse(text), code: "RACE")
      guard try fields["plan"].string() == digest else { return nil }
      return try RaceRecord(json: fields["race"])
    }
    guard let race = try? read(), let winner = race.winner,
      let form = Recipe.ArtifactForm(rawValue: winner.form),
      let storage = LatentStorage(rawValue: winner.store)
    else { return nil }
    return Decision(form: form, storage: storage, pairChoice: winner.pairChoice, race: race)
  }

  /// Writes the decision.
  func keep(_ race: RaceRecord) throws(Fault) {
    let value: JSONValue = .object(["plan": .string(digest), "race": race.json])
    try AtomicFile.write(path, text: value.text())
  }
}
