import Checkpoints

extension NetworkParts {
  /// What the factors of a module take beyond those in the file, by their shapes; nil where they do not expand or do
  /// not fit together, which the reader refuses before it makes any.
  static func expansion(of entry: FactorTable.Entry) -> Expansion? {
    if entry.parts.keys.contains(where: { $0.hasPrefix("hada_") }) { return hadamard(entry) }
    if entry.parts.keys.contains(where: { $0.hasPrefix("lokr_") }) { return kronecker(entry) }
    return tucker(entry)
  }

  private static func hadamard(_ entry: FactorTable.Entry) -> Expansion? {
    guard let first = product(entry, "hada_w1"), let second = product(entry, "hada_w2"),
      first.out == second.out, first.width == second.width
    else { return nil }
    let (out, width) = (first.out, first.width)
    let rank = Expansion.product(first.rank, second.rank)
    if rank <= min(out, width) {
      // The products of A are made turned, and turned back.
      return Expansion(
        rank: rank, outFeatures: out, inFeatures: width, temporary: Expansion.product(rank, width))
    }
    // Both products are whole before one is multiplied into the other.
    return Expansion(
      rank: min(out, width), outFeatures: out, inFeatures: width,
      temporary: Expansion.product(out, width))
  }

  private static func kronecker(_ entry: FactorTable.Entry) -> Expansion? {
    guard let first = side(entry, "lokr_w1"), let second = side(entry, "lokr_w2") else {
      return nil
    }
    return Expansion(
      rank: Expansion.product(first.rank, second.rank),
      outFeatures: Expansion.product(first.out, second.out),
      inFeatures: Expansion.product(first.width, second.width))
  }

  private static func tucker(_ entry: FactorTable.Entry) -> Expansion? {
    guard let core = entry["lora_mid"]?.shape, let down = entry["lora_down"]?.shape,
      core.count > 2, let rank = core.first
    else { return nil }
    let width = (core.dropFirst(2) + down.dropFirst()).reduce(1, Expansion.product)
    return Expansion(rank: rank, outFeatures: 0, inFeatures: width)
  }

  /// Rows, columns and rank of one side of LoKr, whole or a product.
  private static func side(
    _ entry: FactorTable.Entry, _ name: String
  ) -> (out: Int, width: Int, rank: Int)? {
    guard let whole = entry[name]?.shape else {
      guard let sizes = product(entry, name) else { return nil }
      return (sizes.out, sizes.width, min(sizes.rank, sizes.out, sizes.width))
    }
    return whole.count == 2 ? (whole[0], whole[1], min(whole[0], whole[1])) : nil
  }

  /// Rows, columns and inner size of `name_a · name_b`.
  private static func product(
    _ entry: FactorTable.Entry, _ name: String
  ) -> (out: Int, width: Int, rank: Int)? {
    guard let b = entry[name + "_a"]?.shape, let a = entry[name + "_b"]?.shape, b.count == 2,
      a.count == 2, b[1] == a[0]
    else { return nil }
    return (b[0], a[1], a[0])
  }
}
