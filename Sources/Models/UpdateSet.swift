public import Checkpoints

/// The updates of a whole model, by layer and kind of module.
public struct UpdateSet {
  private var updates: [[LinearKind: ModuleUpdate]]

  /// No updates: the base model.
  public init(layerCount: Int) {
    updates = Array(repeating: [:], count: layerCount)
  }

  /// The update of a module, or nil where the base weight stands alone.
  public subscript(layer: Int, kind: LinearKind) -> ModuleUpdate? {
    get { updates[layer][kind] }
    set { updates[layer][kind] = newValue }
  }

  /// The modules that have a trainable core, in model order; gradients come in this order.
  public var trainable: [(layer: Int, kind: LinearKind, update: ModuleUpdate)] {
    updates.enumerated().flatMap { layer, kinds in
      LinearKind.allCases.compactMap { kind in
        guard let update = kinds[kind], update.core != nil else { return nil }
        return (layer, kind, update)
      }
    }
  }
}
