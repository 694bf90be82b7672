import Tensors

extension LowRankUpdate {
  /// The same update with s · rank = `alpha`: `B` is multiplied by s · rank / alpha, in Float64 and rounded once.
  ///
  /// For files with one alpha for all modules, where each reader takes s for alpha / rank.
  func scaled(toAlpha alpha: Double) -> LowRankUpdate {
    let factor = scaling * Double(rank) / alpha
    guard factor != 1 else { return self }
    let b = Matrix(
      rows: loraB.rows, columns: loraB.columns,
      elements: loraB.elements.map { Float(Double($0) * factor) })
    return LowRankUpdate(
      moduleName: moduleName, loraA: loraA, loraB: b, scaling: alpha / Double(max(1, rank)),
      relation: relation)
  }
}
