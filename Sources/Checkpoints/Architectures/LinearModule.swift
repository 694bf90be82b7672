/// A linear module of a base model: the unit that an adapter changes and a basis belongs to.
public struct LinearModule: Sendable, Hashable {
  /// Hugging Face module path without `.weight`, such as `model.layers.0.self_attn.q_proj`.
  public var name: String
  /// Rows of the weight.
  public var outFeatures: Int
  /// Columns of the weight.
  public var inFeatures: Int
  /// Index of the block.
  public var layer: Int
  /// Which of the block's linear modules this is.
  public var kind: LinearKind
  /// Name of its weight in GGUF files, such as `blk.0.attn_q.weight`; nil where it has no tensor of its own there.
  public var ggufWeightName: String?

  /// The module `kind` of block `layer` in a model of shape `configuration`.
  public init(layer: Int, kind: LinearKind, configuration: DecoderConfiguration) {
    self.init(
      layer: layer, kind: kind, block: configuration.block(layer), names: configuration.names,
      hiddenSize: configuration.hiddenSize)
  }

  init(layer: Int, kind: LinearKind, block: Block, names: TensorNames, hiddenSize: Int) {
    self.layer = layer
    self.kind = kind
    let role = TensorRole.linear(kind)
    name = names.module(role, layer: layer) ?? ""
    ggufWeightName = names.ggufModule(role, layer: layer).map { $0 + ".weight" }
    (outFeatures, inFeatures) = block.shape(of: kind, hiddenSize: hiddenSize)
  }

  /// Name of its weight, such as `model.layers.0.self_attn.q_proj.weight`.
  public var weightName: String { name + ".weight" }

  /// Name of its bias, where ``DecoderConfiguration/biases`` has its kind.
  public var biasName: String { name + ".bias" }

  /// The row order of its weight in GGUF files (`formats/gguf.md` §7.2); nil where it is that of Hugging Face.
  public func ggufRowOrder(in configuration: DecoderConfiguration) -> HeadPermutation? {
    configuration.rowOrder(of: kind, rows: outFeatures)
  }
}

extension DecoderConfiguration {
  /// Every linear module, block after block, each in the order of ``ModuleOrder``.
  public var linearModules: [LinearModule] {
    let (family, names) = (family, names)
    return (0..<layerCount).flatMap { layer in
      let block = family.block(layer, self)
      return block.kinds.map {
        LinearModule(layer: layer, kind: $0, block: block, names: names, hiddenSize: hiddenSize)
      }.sorted { ModuleOrder.inBlock($0.name) < ModuleOrder.inBlock($1.name) }
    }
  }

  /// How GGUF files order the rows of a kind of module, where Hugging Face orders them otherwise.
  func rowOrder(of kind: LinearKind, rows: Int) -> HeadPermutation? {
    let heads = kind == .key ? keyValueHeadCount : headCount
    switch names.storage(.linear(kind)) {
    case .rotaryPairs: return HeadPermutation(rows: rows, headCount: heads)
    case .byGroup:
      return HeadPermutation(rows: rows, heads: headCount, keyValueHeads: keyValueHeadCount)
    case .asIs, .transposed, .plusOne, .perHead, .perExpert, .oneRow, .behindOffset, .bare:
      return nil
    }
  }
}
