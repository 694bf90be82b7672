extension DecoderConfiguration {
  var family: Family {
    Family.named(architecture, hasExperts: expertCount > 0) ?? .llama
  }

  /// The names of the model's tensors.
  public var names: TensorNames { family.names(of: self) }

  /// What block `layer` computes.
  public func block(_ layer: Int) -> Block { family.block(layer, self) }

  /// What all blocks compute.
  public var blocks: [Block] {
    let family = family
    return (0..<layerCount).map { family.block($0, self) }
  }

  /// Blocks with a feed-forward layer in the place of experts, of a model with experts.
  var layersWithoutExperts: Set<Int> {
    guard expertInterval > 1 || !denseLayers.isEmpty else { return [] }
    return Set((0..<layerCount).filter { ($0 + 1) % expertInterval != 0 }).union(denseLayers)
  }

  /// The norm before the head, where there is one, and that behind the embeddings, where there is one.
  public var finalNorm: Norm { block(0).norm }

  /// Whether its answers are tokens: not where it has a head for classes, nor where it is an encoder without one.
  public var hasLanguageHead: Bool { classHead == nil && names.module(.head) != nil }

  /// What a head for classes is like on this model; nil where none is known.
  ///
  /// The dense layer that belongs to models of the family belongs to the head of one that lacks it.
  public var classForm: ClassHead.Form? {
    guard let form = family.classForm, form.dense == .base, !hasPooler, classHead == nil else {
      return classHead?.form ?? family.classForm
    }
    return form.withOwnDense
  }

  /// Whether the family has a form in GGUF that is read and written here.
  public var isInGGUF: Bool { family.isInGGUF }

  /// `general.architecture` of GGUF files of the family.
  public var ggufArchitecture: String { family.ggufArchitecture }

  /// The images that the model reads; nil where it reads tokens.
  public var imageShape: ImageShape? { names.module(.patches) == nil ? nil : images }

  /// How distances are counted that have embeddings; nil where they have none.
  public var relativePositions: RelativePositions? { block(0).attention.relative }

  /// Whether logits have a bias.
  public var headHasBias: Bool { family.headHasBias }

  /// The name of the token embeddings.
  public var embeddingName: String { (names.module(.embedding) ?? "") + ".weight" }

  /// The name of the output head, also where it is tied to the embeddings.
  public var headName: String { (names.module(.head) ?? "") + ".weight" }

  /// A block as most families have it: RMSNorm before attention and before a gated feed-forward layer.
  func standardBlock(_ layer: Int) -> Block {
    // 1/√D in Float32, as the kernels have always had it.
    let plain = Double(1 / Float(headDimension).squareRoot())
    var scale = attentionScale ?? queryScaleWidth.map { 1 / $0.squareRoot() } ?? plain
    if dividesAttentionByLayer { scale /= Double(layer + 1) }
    let isWindowed = slidingWindow != nil && isMarked(layer, windowedLayers, windowInterval)
    var attention = Block.Attention(
      headCount: headCount, keyValueHeadCount: keyValueHeadCount, headDimension: headDimension,
      window: isWindowed ? slidingWindow : nil, scale: scale, cap: attentionCap)
    if isMarked(layer, rotaryLayers, rotaryInterval) {
      let dimensions = rotaryDimension ?? headDimension
      attention.rotary = Rotary(theta: ropeTheta, dimensions: dimensions, scaling: rotaryScaling)
      if isWindowed, let localRopeTheta {
        attention.rotary = Rotary(theta: localRopeTheta, dimensions: dimensions)
      }
    }
    return Block(
      norm: Norm(.rms, epsilon: normEpsilon), attention: attention,
      feedForward: Block.FeedForward(size: feedForwardSize, activation: activation),
      residualScale: residualScale)
  }

  private func isMarked(_ layer: Int, _ list: [Bool], _ interval: Int) -> Bool {
    list.isEmpty ? interval == 0 || (layer + 1) % interval != 0 : list[layer]
  }

  // MARK: - Parameters

  /// Every parameter of the model by its Hugging Face name, with its shape; the output head too where it is tied to
  /// the embeddings.
  public var parameters: [(name: String, shape: [Int])] {
    expectedTensors
      + (hasTiedEmbeddings && hasLanguageHead ? [(headName, [vocabularySize, hiddenSize])] : [])
  }

  /// Every tensor of a checkpoint of this model, by Hugging Face name, with its shape.
  var expectedTensors: [(name: String, shape: [Int])] {
    let (family, names, hidden) = (family, names, hiddenSize)
    var list: [(name: String, shape: [Int])] = []
    func add(_ role: TensorRole, _ layer: Int?, _ shape: [Int], hasBias: Bool = false) {
      guard let name = names.module(role, layer: layer) else { return }
      list.append((name + ".weight", shape))
      if hasBias { list.append((name + ".bias", [shape[0]])) }
    }
    if let image = imageShape {
      for (role, count) in [(TensorRole.classToken, 1), (.patchPositions, image.patchCount + 1)] {
        if let name = names.module(role) { list.append((name, [1, count, hidden])) }
      }
      let (rows, columns) = (image.patchHeight, image.patchWidth)
      add(.patches, nil, [hidden, image.channels, rows, columns], hasBias: true)
    }
    add(.embedding, nil, [vocabularySize, hidden])
    add(.positions, nil, [positionOffset + contextLength, hidden])
    add(.tokenTypes, nil, [tokenTypeCount, hidden])
    if let relative = relativePositions {
      add(.relativePositions, nil, [relative.rowCount, hidden])
      add(.relativeNorm, nil, [hidden], hasBias: finalNorm.hasBias)
    }
    add(.embeddingNorm, nil, [hidden], hasBias: finalNorm.hasBias)
    add(.finalNorm, nil, [hidden], hasBias: finalNorm.hasBias)
    if !hasTiedEmbeddings, hasLanguageHead {
      add(.head, nil, [vocabularySize, hidden], hasBias: family.headHasBias)
    }
    if let form = classForm {
      let hasDense = form.dense == .base ? hasPooler || classHead != nil : classHead != nil
      if hasDense { add(.pooler, nil, [hidden, hidden], hasBias: true) }
      if let classHead { add(.classes, nil, [classHead.count, hidden], hasBias: form.hasBias) }
    }
    for layer in 0..<layerCount {
      let block = family.block(layer, self)
      for norm in block.norms(hiddenSize: hidden) {
        let hasBias = block.norm(norm.role).hasBias
        for name in names.modules(norm.role, layer: layer, heads: norm.heads) {
          list.append((name + ".weight", [norm.size]))
          if hasBias { list.append((name + ".bias", [norm.size])) }
        }
      }
      if let experts = block.experts {
        add(.router, layer, [experts.count, hidden])
        if block.feedForward.size > 0 { add(.sharedGate, layer, [1, hidden]) }
      }
      for kind in block.kinds {
        let shape = block.shape(of: kind, hiddenSize: hidden)
        add(
          .linear(kind), layer, [shape.outFeatures, shape.inFeatures],
          hasBias: biases.contains(kind))
      }
    }
    return list
  }
}
