public import Checkpoints

/// The updates of a whole model, by layer and kind of module.
public struct UpdateSet {
  /// The head for classes in force; nil for that of the weights.
  public var classes: ClassLayers?
  private var updates: [[(kind: LinearKind, update: ModuleUpdate)]]

  /// No updates: the base model.
  public init(layerCount: Int) {
    updates = Array(repeating: [], count: layerCount)
  }

  /// The update of a module, or nil where the base weight stands alone.
  public subscript(layer: Int, kind: LinearKind) -> ModuleUpdate? {
    get { updates[layer].first { $0.kind == kind }?.update }
    set {
      let place = updates[layer].firstIndex { $0.kind == kind }
      switch (place, newValue) {
      case (let place?, let update?): updates[layer][place].update = update
      case (let place?, nil): updates[layer].remove(at: place)
      case (nil, let update?): updates[layer].append((kind, update))
      case (nil, nil): break
      }
    }
  }

  /// The updates of a block.
  func updates(of layer: Int) -> [ModuleUpdate] { updates[layer].map(\.update) }

  /// Numbers of a token that the updates of a block keep, where tokens go to all experts alike.
  func projectedWidth(_ layer: Int, _ block: Block) -> Double {
    updates[layer].reduce(0) { $0 + Double($1.update.inputRank) / block.tokensPerInput($1.kind) }
  }

  /// The modules that have a trainable core, layer by layer in the order in which they were set; gradients come in
  /// this order.
  public var trainable: [(layer: Int, kind: LinearKind, update: ModuleUpdate)] {
    updates.enumerated().flatMap { layer, modules in
      modules.compactMap { $0.update.core == nil ? nil : (layer, $0.kind, $0.update) }
    }
  }
}
