/// Names of blocks with experts that differ from block to block, or from file to file.
extension TensorNames {
  /// The same for a model of which the blocks in `layers` have a feed-forward layer in the place of experts.
  func withoutExperts(in layers: Set<Int>) -> TensorNames {
    guard !layers.isEmpty else { return self }
    let ofExperts: Set<TensorRole> = [
      .router, .sharedGate, .linear(.gate), .linear(.up), .linear(.down),
    ]
    var names = self
    names.denseLayers = layers
    names.denseRows =
      rows.filter { !ofExperts.contains($0.role) && $0.role.expert == nil } + [
        Row(.linear(.gate), "mlp.gate_proj", "ffn_gate"),
        Row(.linear(.up), "mlp.up_proj", "ffn_up"),
        Row(.linear(.down), "mlp.down_proj", "ffn_down"),
      ]
    return names
  }

  /// The names of the weights that lie one after the other in the tensor `name` of `shape`, where that has those of all experts
  /// of a block, as the classes of Transformers 5 hold them; else none.
  ///
  /// Of `experts.gate_up_proj` `[experts, 2F, d]` each expert's are gate, then up; `experts.down_proj` is `[experts, d, F]`.
  func stackParts(_ name: String, shape: [Int]) -> [String] {
    guard shape.count == 3, shape[0] <= 1 << 16,
      let (layer, leaf) = TensorNames.split(name, prefix: blockPrefix),
      let row = rows.first(where: { $0.role == .linear(.expert(0, .gate)) }),
      let star = row.huggingFace.firstIndex(of: TensorNames.expert)
    else { return [] }
    let stem = row.huggingFace[..<star]
    let parts: [LinearKind.ExpertPart]
    switch leaf {
    case "\(stem)gate_up_proj" where shape[1].isMultiple(of: 2): parts = [.gate, .up]
    case "\(stem)down_proj": parts = [.down]
    default: return []
    }
    return (0..<shape[0]).flatMap { number in
      parts.compactMap { part in
        module(.linear(.expert(number, part)), layer: layer).map { $0 + ".weight" }
      }
    }
  }
}
