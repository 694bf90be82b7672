import Adapters
import Artifacts
import Bases
import Checkpoints
import Faults
import Files
import Foundation
import Projection
import Recipes
import Reports
import Sessions
import Tensors

/// Drafts: artifacts of nothing but sizes, which tell what real ones will take.
extension Assembler {
  /// The size that an artifact of a plan's sizes will have, with its figures; nil where no module gets a rank.
  func draftByteCount(
    _ plan: RankPlan, directions: ArtifactMetadata.Directions, residuals: [ResidualPairs?],
    tuning: TuningRecord?, like sample: ProjectedAdapter? = nil
  ) throws(Fault) -> Int? {
    guard
      var draft = try draft(
        plan, directions: directions, residuals: residuals, tuning: tuning, like: sample)
    else { return nil }
    standIn(&draft)
    return try draft.encodedByteCount()
  }

  /// An artifact of a plan's sizes, for its own: directions and proofs are random, and numbers compress as the latents do
  /// that need least: those of a start that tuning hardly moves.
  ///
  /// Tuned ones need up to a sixth more, and their scales are made for the budget once they are known.
  ///
  /// - Parameter sample: What numbers are taken from instead, module by module, where it has any.
  /// - Returns: nil where no module gets a rank.
  func draft(
    _ plan: RankPlan, directions: ArtifactMetadata.Directions, residuals: [ResidualPairs?],
    tuning: TuningRecord?, like sample: ProjectedAdapter? = nil
  ) throws(Fault) -> AssembledArtifact? {
    var modules: [ArtifactModule] = []
    var samples: [String: Matrix<Double>] = [:]
    for projection in sample?.projections ?? [] {
      samples[projection.moduleName] = projection.latent
    }
    for (index, module) in source.modules.enumerated() {
      let residual = residuals.isEmpty ? nil : residuals[index]
      guard plan[index] != 0 || residual != nil else { continue }
      var generator = SeededGenerator(seed: request.seed, stream: UInt64(index + 1))
      let pairs = residual?.count ?? 0
      let rank = plan[index].clipped(
        outFeatures: module.outFeatures - pairs, inFeatures: module.inFeatures - pairs)
      let candidates = min(module.outFeatures, module.inFeatures)
      func chosen(_ count: Int) -> [Int] {
        directions == .selected ? generator.permutation(candidates).prefix(count).sorted() : []
      }
      let columns = rank.input + pairs
      let numbers =
        samples[module.name].map {
          Assembler.numbers(
            rows: rank.output + pairs, columns: columns, beside: pairs, like: $0, from: &generator)
        } ?? Assembler.numbers(rows: rank.output + pairs, columns: columns, from: &generator)
      func basis(_ features: Int, _ count: Int) -> Matrix<Float>? {
        guard request.embedsBases else { return nil }
        return Matrix(
          rows: features, columns: count,
          elements: generator.normals(features * count).map { Float($0) })
      }
      let stored = try LatentRounding(storage: storage).store(
        index, Matrix(rows: rank.output + pairs, columns: columns, elements: numbers),
        residual: residual)
      modules.append(
        ArtifactModule(
          moduleName: module.name, outFeatures: module.outFeatures, inFeatures: module.inFeatures,
          stored: stored.latent, residual: stored.residual,
          outputIndices: chosen(rank.output), inputIndices: chosen(rank.input),
          valueCheck: UInt8(truncatingIfNeeded: generator.next()),
          probes: [HalfPrecision.float(half: HalfPrecision.half(numbers.first ?? 0))],
          digestPrefix: [UInt8(truncatingIfNeeded: generator.next())],
          outputBasis: basis(module.outFeatures, rank.output),
          inputBasis: basis(module.inFeatures, rank.input)))
    }
    guard !modules.isEmpty else { return nil }
    return AssembledArtifact(
      artifact: try Artifact(
        modules: modules,
        metadata: metadata(
          // Like a base's digest, and no text that stands there already: it would compress.
          root: SHA256Digest.of((source.adapter?.digest ?? source.identity).bytes),
          directions: directions,
          omegaSeed: directions == .selected ? nil : request.seed, energy: 0.123456789,
          form: residuals.isEmpty ? nil : ProjectedAdapter.form(of: residuals), tuning),
        carried: try carried()))
  }

  /// Normal numbers in rows of different size, `rows · columns`.
  private static func numbers(
    rows: Int, columns: Int, from generator: inout SeededGenerator
  ) -> [Float] {
    (0..<rows).flatMap { _ in
      let size = exp(rowSpread * (generator.normals(1).first ?? 0))
      return generator.normals(columns).map { Float(size * $0) }
    }
  }

  /// The numbers of `latent`, whose last `pairs` rows and columns stay the last ones, cut or gone on with to
  /// `rows · columns`: what is added are numbers of others, a little changed, so that none stands there twice.
  private static func numbers(
    rows: Int, columns: Int, beside pairs: Int, like latent: Matrix<Double>,
    from generator: inout SeededGenerator
  ) -> [Float] {
    func places(_ count: Int, of available: Int) -> [(place: Int, isOwn: Bool)] {
      let (own, some) = (count - pairs, available - pairs)
      guard some > 0 else { return (0..<count).map { (min($0, available - 1), false) } }
      return (0..<own).map { $0 < some ? ($0, true) : (generator.index(below: some), false) }
        + (0..<pairs).map { (some + $0, true) }
    }
    guard latent.rows > 0, latent.columns > 0 else {
      return numbers(rows: rows, columns: columns, from: &generator)
    }
    let (down, across) = (places(rows, of: latent.rows), places(columns, of: latent.columns))
    return down.flatMap { row in
      across.map { column in
        let number = Float(latent[row.place, column.place])
        guard !row.isOwn || !column.isOwn else { return number }
        return number * Float(1 + 0.1 * generator.uniform()) * (generator.uniform() < 0.5 ? -1 : 1)
      }
    }
  }

  /// Standard deviation of the logarithms of rows' sizes, by what near starts compress to (`golden/recovery/NOTES.md`).
  private static let rowSpread = 0.4
}
