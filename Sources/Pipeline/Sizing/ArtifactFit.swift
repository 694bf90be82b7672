import Artifacts
import Bases
import Faults
import Projection
import Recipes
import Tensors

/// Makes the artifact of latents fit a number of bytes: as fine as it can be in them.
///
/// Where directions have latents in codes their scales grow (``Coarsening``); where pairs alone are stored, codes of
/// the weakest get a smaller range one after the other. Numbers that are not codes stay as they are.
struct ArtifactFit {
  let projected: ProjectedAdapter
  let latents: [Matrix<Float>]
  let storage: LatentStorage
  /// Assembles an artifact, with everything in it that takes room.
  let assemble: (ProjectedAdapter, [Matrix<Float>], Coarsening) throws(Fault) -> AssembledArtifact

  /// The artifact at `level`, 0 for the finest, and its projection, whose pairs may have changed.
  func made(_ level: Int) throws(Fault) -> (
    artifact: AssembledArtifact, projected: ProjectedAdapter
  ) {
    guard hasLatents else {
      let coarser = try projected.coarseningPairs(level)
      var artifact = try assemble(coarser, latents, .none)
      artifact.coarserPairs = level
      return (artifact, coarser)
    }
    let coarsening = Coarsening(level: level, moduleCount: projected.modules.count)
    return (try assemble(projected, latents, coarsening), projected)
  }

  /// Whether any module has latents in directions of a base.
  private var hasLatents: Bool {
    storage.isQuantised && projected.bases.contains { $0.selection.outputRank > 0 }
  }

  private var mostLevels: Int {
    if hasLatents { return Coarsening.mostEighths * projected.modules.count }
    return 15 * projected.residuals.reduce(0) { $0 + ($1?.count ?? 0) }
  }

  /// The level at which steps on rounded latents begin, for an artifact of at most `bytes` when they are over.
  ///
  /// Latents compress a little less by then, and to round them once more, at coarser scales than they were trained for, costs much:
  /// a two-hundredth stays free.
  func startingLevel(within bytes: Int) throws(Fault) -> Int {
    try level(within: hasLatents ? bytes - bytes / 200 : bytes)
  }

  /// The least level at which the artifact has at most `bytes`; the last one where none has.
  func level(within bytes: Int) throws(Fault) -> Int {
    guard try made(0).artifact.encodedByteCount() > bytes else { return 0 }
    var (low, high) = (0, 1)
    // Close by first: what does not fit is rarely off by much.
    while high < mostLevels, try made(high).artifact.encodedByteCount() > bytes {
      (low, high) = (high, min(high * 4, mostLevels))
    }
    while high - low > 1 {
      let middle = (low + high) / 2
      if try made(middle).artifact.encodedByteCount() > bytes {
        low = middle
      } else {
        high = middle
      }
    }
    return high
  }
}

extension ProjectedAdapter {
  /// The same with the codes of `level` pairs, the weakest first, in a range smaller by one; each once more where that is
  /// more than there are.
  func coarseningPairs(_ level: Int) throws(Fault) -> ProjectedAdapter {
    // The last pairs of modules hold least.
    let order = residuals.indices.flatMap { module in
      (0..<(residuals[module]?.count ?? 0)).map { (module: module, column: $0) }
    }.sorted { ($1.column, $0.module) < ($0.column, $1.module) }
    guard level > 0, !order.isEmpty else { return self }
    var coarser = residuals
    for step in 0..<level {
      let (module, column) = order[step % order.count]
      coarser[module] = coarser[module]?.coarsened(column: column)
    }
    return try replacingResiduals(coarser.compactMap(\.self).flatMap { [$0.output, $0.input] })
  }
}
