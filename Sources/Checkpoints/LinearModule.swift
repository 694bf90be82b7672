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

  /// The module `kind` of block `layer` in a model of shape `configuration`.
  public init(layer: Int, kind: LinearKind, configuration: DecoderConfiguration) {
    self.layer = layer
    self.kind = kind
    name = "model.layers.\(layer).\(kind.parent).\(kind.rawValue)"
    let hidden = configuration.hiddenSize
    switch kind {
    case .query: (outFeatures, inFeatures) = (configuration.queryWidth, hidden)
    case .key, .value: (outFeatures, inFeatures) = (configuration.keyValueWidth, hidden)
    case .output: (outFeatures, inFeatures) = (hidden, configuration.queryWidth)
    case .gate, .up: (outFeatures, inFeatures) = (configuration.feedForwardSize, hidden)
    case .down: (outFeatures, inFeatures) = (hidden, configuration.feedForwardSize)
    }
  }

  /// Name of its weight, such as `model.layers.0.self_attn.q_proj.weight`.
  public var weightName: String { name + ".weight" }

  /// Name of its bias, where ``DecoderConfiguration/biases`` has its kind.
  public var biasName: String { name + ".bias" }
}

extension DecoderConfiguration {
  /// Every linear module, block after block, each in the order of ``LinearKind``.
  public var linearModules: [LinearModule] {
    (0..<layerCount).flatMap { layer in
      LinearKind.allCases.map { LinearModule(layer: layer, kind: $0, configuration: self) }
    }
  }
}
