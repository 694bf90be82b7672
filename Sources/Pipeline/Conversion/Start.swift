import Adapters
package import Artifacts
import Bases
import Faults
import Projection
package import Recipes
package import Reports
package import Tensors

/// Where tuning begins, or what is stored as it is: directions, pairs and first latents of one form.
package struct Start {
  /// What it is made of.
  package let form: Recipe.ArtifactForm
  /// How its latents are stored.
  package let storage: LatentStorage
  /// What chose its directions, with the pairs beside them.
  var projector: Projector
  /// Its ranks.
  let plan: RankPlan
  /// Its directions and first latents.
  package internal(set) var projected: ProjectedAdapter
  /// Bytes of its artifact as it starts; 0 where nobody asks for them.
  package let bytes: Int
  /// What chose its pairs; nil where it has none, or none but those asked for beside directions.
  package internal(set) var pairChoice: RaceRecord.PairChoice?
  /// How its latents were scaled, where it was asked.
  package internal(set) var scale: StartScale.Found?

  /// Form and storage, for people.
  var name: String {
    form.rawValue + (pairChoice.map { " by \($0.rawValue)" } ?? "") + " in \(storage.rawValue)"
  }

  /// For people.
  var size: String { projected.hasResidual ? projected.form : plan.summary }

  /// The latents as they are stored where nothing tunes them.
  func untuned() throws(Fault) -> [Matrix<Float>] {
    try projector.untuned(projected, storage: storage)
  }
}

/// A start and what tuning made of it; the start's own latents where nothing tuned.
package struct TunedAdapter {
  package let start: Start
  /// The directions, and the pairs as they are after tuning.
  package internal(set) var projected: ProjectedAdapter
  package internal(set) var latents: [Matrix<Float>]
  package internal(set) var tuning: TuningRecord?
  /// What identifies inputs and settings.
  package internal(set) var planDigest: String
  /// The head that was trained; nil where what is carried is the source's.
  var head: [AdapterPart]?

  /// What tuning started from.
  var first: ProjectedAdapter { tuning == nil ? projected : start.projected }
}

/// A result as it is stored, and what was measured of it.
package struct StoredResult {
  package internal(set) var tuned: TunedAdapter
  package internal(set) var artifact: AssembledArtifact
  package internal(set) var evaluation: EvaluationRecord?
}
