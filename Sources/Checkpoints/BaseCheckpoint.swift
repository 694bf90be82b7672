public import Faults
public import Tensors

/// A base model: its shape, its linear modules and its weights.
///
/// Opening checks that every tensor of the family is there with the right shape, and that there is
/// none beside them, so that no weight can be ignored silently. All names are Hugging Face names,
/// all weights are `[outFeatures, inFeatures]` in Hugging Face row order, whatever the file.
public struct BaseCheckpoint: Sendable {
  /// The tensors of the file, and everything that needs no knowledge of the family.
  public private(set) var checkpoint: Checkpoint
  /// The shape of the model.
  public let configuration: DecoderConfiguration
  /// The linear modules, block after block, each in the order of ``ModuleOrder``.
  public let linearModules: [LinearModule]

  /// The path as it was given.
  public var path: String { checkpoint.path }
  /// The form the checkpoint comes in.
  public var format: CheckpointFormat { checkpoint.format }
  /// The tensors in file order, by their names in the file.
  public var tensors: [TensorInfo] { checkpoint.tensors }

  /// The files that hold the tensors.
  public var weightPaths: [String] { checkpoint.source.paths }

  init(checkpoint: Checkpoint, configuration: DecoderConfiguration) throws(Fault) {
    self.checkpoint = checkpoint
    self.configuration = configuration
    linearModules = configuration.linearModules
    do throws(Fault) {
      try checkTensors()
    } catch {
      throw error.at(path: checkpoint.path)
    }
  }

  /// Opens a base model.
  ///
  /// - Throws: as ``Checkpoint/open(_:)``; 69 naming the setting or tensor that this version does not
  ///   support; 65 `CK-TENSOR` or `CK-SHAPE` naming a tensor that is missing or of another shape.
  public static func open(_ path: String) throws(Fault) -> BaseCheckpoint {
    let checkpoint = try Checkpoint.open(path)
    do throws(Fault) {
      return try BaseCheckpoint(
        checkpoint: checkpoint, configuration: try configuration(of: checkpoint))
    } catch {
      throw error.at(path: path)
    }
  }

  private static func configuration(
    of checkpoint: Checkpoint
  ) throws(Fault) -> DecoderConfiguration {
    if let weights = checkpoint.source as? GGUFWeights {
      var configuration = try GGUFConfiguration(weights).read()
      // Tied for whoever trains either, and the same model.
      if try weights.headRepeatsEmbeddings() { configuration.hasTiedEmbeddings = true }
      return configuration
    }
    guard let weights = checkpoint.source as? SafeTensorsWeights,
      let configuration = weights.configuration
    else {
      throw Fault(.missingInput, "CFG", "there is no config.json beside the weights")
    }
    let names = Set(weights.tensors.indices.compactMap { weights.huggingFaceName(at: $0) })
    return try configuration.decoder { names.contains($0) }
  }

  // MARK: - Weights

  /// A weight matrix, such as `model.layers.0.self_attn.q_proj.weight`, `[outFeatures, inFeatures]`.
  ///
  /// - Throws: 65 `CK-TENSOR`, `CK-SHAPE` for a tensor that is not a matrix, `VAL-NAN`; I/O faults.
  public func matrix(_ name: String) throws(Fault) -> Matrix<Float> {
    let (rows, columns) = try matrixShape(name)
    return Matrix(rows: rows, columns: columns, elements: try checkpoint.floats(name))
  }

  /// The sizes of a weight matrix; throws `CK-TENSOR`, `CK-SHAPE` as ``matrix(_:)``.
  public func matrixShape(_ name: String) throws(Fault) -> (rows: Int, columns: Int) {
    let shape = try shape(of: name)
    guard shape.count == 2 else {
      throw Fault(
        .badData, "CK-SHAPE", "shape \(shape) is not a matrix", path: path, tensor: name)
    }
    return (shape[0], shape[1])
  }

  /// A weight vector, such as `model.norm.weight`; throws as ``matrix(_:)``.
  public func vector(_ name: String) throws(Fault) -> [Float] {
    let shape = try shape(of: name)
    guard shape.count == 1 else {
      throw Fault(
        .badData, "CK-SHAPE", "shape \(shape) is not a vector", path: path, tensor: name)
    }
    return try checkpoint.floats(name)
  }

  /// All values of a tensor of any shape, the last dimension first; throws as ``matrix(_:)``.
  public func values(_ name: String) throws(Fault) -> [Float] {
    _ = try shape(of: name)
    return try checkpoint.floats(name)
  }

  /// How the model wants bytes of images; see ``Checkpoint/imageProcessing(_:)``.
  public func imageProcessing(_ shape: ImageShape) throws(Fault) -> ImageProcessing {
    try checkpoint.imageProcessing(shape)
  }

  /// SHA-256 of the decoded values of a tensor, little-endian Float32, in hexadecimal.
  public func digest(_ name: String) throws(Fault) -> String { try checkpoint.digest(name) }

  /// Where the tokenizer is described; see ``Checkpoint/tokenizerSource()``.
  public func tokenizerSource() throws(Fault) -> TokenizerSource {
    try checkpoint.tokenizerSource()
  }

  private func shape(of name: String) throws(Fault) -> [Int] {
    if let tensor = checkpoint.tensor(name) { return tensor.shape }
    throw Fault(.badData, "CK-TENSOR", "there is no such tensor", path: path, tensor: name)
  }

  // MARK: - Completeness

  /// Every expected tensor present with its shape, and no other.
  private mutating func checkTensors() throws(Fault) {
    var expected = Set<[UInt8]>()
    var others: [String] = []
    for (name, shape) in configuration.expectedTensors {
      guard let tensor = checkpoint.tensor(name) else {
        try refuseStack(of: name)
        throw Fault(.badData, "CK-TENSOR", "the tensor is missing", tensor: name)
      }
      guard tensor.shape == shape else {
        throw Fault(
          .badData, "CK-SHAPE", "shape \(tensor.shape), the configuration needs \(shape)",
          tensor: name)
      }
      expected.insert(Array(name.utf8))
    }
    let names = configuration.names
    let prefix = format == .gguf ? TensorNames.ggufPrefix : names.blockPrefix
    let own = Set(tensors.map(\.name))
    for tensor in tensors {
      let name = checkpoint.huggingFaceName(tensor.name) ?? tensor.name
      if expected.contains(Array(name.utf8)) || isDerived(name) { continue }
      if configuration.hasTiedEmbeddings, name == configuration.headName {
        // In GGUF being the same is what ties them.
        if format != .gguf { try checkTiedHead() }
        continue
      }
      if isFactor(tensor) || isRotary(tensor) { continue }
      if configuration.family.otherHeads.contains(where: { name.hasPrefix($0) }) {
        others.append(tensor.name)
        continue
      }
      let parts = checkpoint.partNames(tensor.name)
      if !parts.isEmpty,
        parts.allSatisfy({ expected.contains(Array($0.utf8)) && !own.contains($0) })
      {
        continue
      }
      try TensorNames.checkLayerIndex(
        format == .gguf ? tensor.name : name, prefix: prefix,
        layerCount: configuration.layerCount)
      let isBias = format != .gguf && names.gguf(huggingFace: name) != nil
      throw Fault(
        .unsupported, "CK-UNSUPPORTED",
        isBias
          ? "a bias, and config.json has no attention_bias or mlp_bias for it"
          : "the \(configuration.architecture) family has no such tensor", tensor: tensor.name)
    }
    let reason =
      format == .gguf
      ? "belongs to a head that reads through the model's pooler, which GGUF files leave out: it is not run"
      : "belongs to a head of another task, which nothing here runs"
    checkpoint.warnings += others.map { Warning("CK-HEAD", reason, subject: $0) }
  }

  /// Refuses Hugging Face files with all experts in one tensor where `name` would be one expert's weight.
  private func refuseStack(of name: String) throws(Fault) {
    guard format != .gguf, let place = configuration.names.place(huggingFace: name),
      place.isStacked,
      let stack = tensors.first(where: {
        $0.name.hasSuffix(".experts.gate_up_proj") || $0.name.hasSuffix(".experts.down_proj")
      })
    else { return }
    throw Fault(
      .unsupported, "CK-UNSUPPORTED",
      "has weights of all experts in a form that is not read: [experts, 2F, d] for gate_up_proj and [experts, d, F] for down_proj in the block's mlp.experts are, or a tensor for each expert",
      tensor: stack.name)
  }

  /// Whether a tensor only repeats what the configuration says: RoPE frequencies and causal masks in old files.
  private func isDerived(_ name: String) -> Bool {
    let names = configuration.names
    let leaf = TensorNames.split(name, prefix: names.blockPrefix)?.leaf ?? ""
    let spellings = [leaf, name, names.prefix + name]
    return spellings.contains { configuration.family.derived.contains($0) }
  }

  /// Whether `tensor` holds RoPE's factors, which ``configuration`` has taken in.
  private func isRotary(_ tensor: TensorInfo) -> Bool {
    guard format == .gguf else { return false }
    if case .longrope = configuration.rotaryScaling.kind {
      return [TensorNames.Rotary.short, TensorNames.Rotary.long].contains(tensor.name)
    }
    return tensor.name == TensorNames.Rotary.divisors
  }

  /// Whether `tensor` holds scales of a quantised weight, taken in when that is decoded, or of its input.
  private func isFactor(_ tensor: TensorInfo) -> Bool {
    let suffixes = [".scale", ".input_scale"] + SafeTensorsWeights.scaleSuffixes
    guard let suffix = suffixes.first(where: tensor.name.hasSuffix) else { return false }
    let weight = checkpoint.tensor(tensor.name.dropLast(suffix.count) + ".weight")
    return ["NVFP4", "F8_E4M3", "F8_E5M2"].contains(weight?.dtypeName)
  }

  /// A head stored beside tied embeddings must be the same matrix.
  private func checkTiedHead() throws(Fault) {
    let head = configuration.headName
    guard try digest(head) == digest(configuration.embeddingName) else {
      throw Fault(
        .badData, "CK-TIED", "differs from the embeddings, to which tie_word_embeddings ties it",
        tensor: head)
    }
  }
}
