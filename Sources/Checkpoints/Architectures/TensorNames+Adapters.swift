/// What adapters in GGUF form need of a family's names.
extension TensorNames {
  /// The names of the family with this `general.architecture`; nil for one that is not supported.
  public static func of(architecture: String) -> TensorNames? {
    Family.of(ggufArchitecture: architecture, hasExperts: false, vocabulary: nil)?.names
  }

  /// The full name of a weight outside the blocks.
  public func parameter(_ role: TensorRole) -> String { (module(role) ?? "") + ".weight" }

  /// Whether low-rank factors of a weight can be an adapter's: a linear module, embeddings or head.
  public func hasFactors(huggingFace name: String) -> Bool {
    guard let place = place(huggingFace: name), place.suffix == ".weight" else { return false }
    switch place.row.role {
    case .linear, .embedding, .head: return true
    default: return false
    }
  }

  /// The modules of an expert of the stack that Transformers 5 makes of a block's, `model.layers.N.mlp.experts` whatever files
  /// call it; nil for another module and in a family without experts.
  public func expert(
    _ number: Int, ofStack module: String
  ) -> [LinearKind.ExpertPart: String]? {
    for name in [module, prefix + module] {
      guard let (layer, leaf) = TensorNames.split(name, prefix: blockPrefix), leaf == "mlp.experts"
      else { continue }
      var modules: [LinearKind.ExpertPart: String] = [:]
      for part in LinearKind.ExpertPart.allCases {
        modules[part] = self.module(.linear(.expert(number, part)), layer: layer)
      }
      return modules.isEmpty ? nil : modules
    }
    return nil
  }

  /// Whether GGUF orders the rows of any module otherwise.
  public var ordersRows: Bool {
    rows.contains { $0.storage == .rotaryPairs || $0.storage == .byGroup }
  }

  /// Whether GGUF orders the rows of a module otherwise.
  public func ordersRows(of module: String) -> Bool {
    let storage = place(huggingFace: module + ".weight")?.row.storage
    return storage == .rotaryPairs || storage == .byGroup
  }

  /// How GGUF orders the rows of a module; nil where `rows` are not whole heads.
  ///
  /// - Parameter keyValueHeads: Key-value heads of a module of queries, keys and values; nil for as many as queries.
  public func rowOrder(
    of module: String, rows: Int, headDimension: Int, keyValueHeads: Int? = nil
  ) -> HeadPermutation? {
    let keyValueHeads = keyValueHeads ?? rows / (3 * headDimension)
    switch place(huggingFace: module + ".weight")?.row.storage {
    case .rotaryPairs: return HeadPermutation(rows: rows, headCount: rows / headDimension)
    case .byGroup:
      return HeadPermutation(
        rows: rows, heads: rows / headDimension - 2 * keyValueHeads, keyValueHeads: keyValueHeads)
    default: return nil
    }
  }
}
