public import Faults
import LinearAlgebra
public import Tensors
import Threads

/// Turning updates that mean something only beside the base's weights into plain ones (`formats/peft.md` §5).
extension Adapter {
  /// Whether some update needs the base's weights.
  public var needsResolution: Bool { updates.contains { $0.relation != .none } }

  /// The same adapter with every update a change of the weight itself.
  ///
  /// - Parameters:
  ///   - weight: The base weight of a module by its path, `[outFeatures, inFeatures]`.
  /// - Throws: 65 `VAL-RANGE` for a row without a norm; `NUM-…` from decompositions; what `weight` throws.
  /// - Complexity: O(min(out, in)³ + out·in·min(out, in)) a module.
  public func resolved(
    magnitudes: MagnitudeHandling = .approximate, threads: Int = 1,
    weight: @Sendable (_ moduleName: String) throws(Fault) -> Matrix<Float>
  ) throws(Fault) -> Adapter {
    guard needsResolution else { return self }
    let updates = self.updates
    let resolved = try parallelMap(updates.count, threads: threads) {
      (index) throws(Fault) -> ResolvedUpdate in
      let update = updates[index]
      if update.relation == .none { return ResolvedUpdate(update) }
      do throws(Fault) {
        return try ResolvedUpdate(
          update, weight: try weight(update.moduleName).inDouble, magnitudes: magnitudes)
      } catch {
        throw error.at(path: path, tensor: update.moduleName)
      }
    }
    return Adapter(
      self, updates: resolved.map(\.update), parts: resolved.compactMap(\.part) + parts,
      warnings: warnings + Adapter.notes(resolved, magnitudes, rank: rank))
  }

  private static func notes(
    _ resolved: [ResolvedUpdate], _ magnitudes: MagnitudeHandling, rank: Int
  ) -> [Warning] {
    func percent(_ share: Double) -> String { "\((share * 1000).rounded() / 10)%" }
    var notes: [Warning] = []
    let shares = resolved.compactMap(\.lowRankShare)
    if let least = shares.min() {
      let mean = shares.reduce(0, +) / Double(shares.count)
      notes.append(
        Warning(
          "AD-DORA",
          "DoRA: magnitudes make \(shares.count) updates full-rank; the best ones of the adapter's ranks would "
            + "hold \(percent(mean)) of their energy on average, \(percent(least)) at least. All of it is the "
            + "target of the conversion; --dora keep carries the magnitudes instead"))
    }
    if magnitudes == .keep, resolved.contains(where: { $0.part != nil }) {
      notes.append(
        Warning("AD-DORA", "DoRA: magnitudes are carried, one factor a row; the rest is low-rank"))
    }
    let foreign = resolved.filter(\.isForeign)
    if let first = foreign.first {
      notes.append(
        Warning(
          "AD-BASE",
          "LoRA-XS: the frozen factors of \(foreign.count) modules, first "
            + "\(Fault.escaped(first.update.moduleName, limit: 96)), are not taken from this base's weights: "
            + "probably another base; the update is s*B*R*A as in the file all the same"))
    }
    let ratios = resolved.compactMap(\.initialRatio)
    if !ratios.isEmpty {
      let mean = ratios.reduce(0, +) / Double(ratios.count)
      notes.append(
        Warning(
          "AD-BASE",
          "the base was changed when training began; that change was computed again from this base for "
            + "\(ratios.count) modules and subtracted, which is right only for the base that was trained on. "
            + "What is left has \(percent(mean)) of its norm"))
    }
    return notes
  }
}
