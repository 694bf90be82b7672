import Artifacts
import Faults
import Files
import JSON
import Tensors

/// Artifacts of random numbers with the sizes and statistics of real ones.
enum SyntheticArtifact {
  /// Module kinds of the demo base with [outFeatures, inFeatures].
  static let kinds: [(String, Int, Int)] = [
    ("self_attn.q_proj", 576, 576), ("self_attn.k_proj", 192, 576), ("self_attn.v_proj", 192, 576),
    ("self_attn.o_proj", 576, 576), ("mlp.gate_proj", 1536, 576), ("mlp.up_proj", 1536, 576),
    ("mlp.down_proj", 576, 1536),
  ]

  /// `layers` × 7 modules of rank `rank`.
  static func make(
    layers: Int, rank: Int, storage: LatentStorage,
    directions: ArtifactMetadata.Directions = .selected, seed: UInt64 = 1,
    largestCode: Int? = nil, embedding: Bool = false, residual: Int = 0
  ) throws(Fault) -> Artifact {
    var generator = SeededGenerator(seed: seed)
    var modules: [ArtifactModule] = []
    for layer in 0..<layers {
      for (kind, outFeatures, inFeatures) in kinds {
        modules.append(
          try module(
            "model.layers.\(layer).\(kind)", outFeatures, inFeatures, rank, storage, directions,
            largestCode, embedding, residual, &generator))
      }
    }
    return try Artifact(
      modules: modules, metadata: metadata(storage: storage, directions: directions))
  }

  static func metadata(
    storage: LatentStorage, directions: ArtifactMetadata.Directions = .selected
  ) -> ArtifactMetadata {
    ArtifactMetadata(
      createdBy: "xspress test",
      base: .init(
        architecture: "llama", name: "SmolLM2-135M-Instruct",
        rootDigest: SHA256Digest.of(Array("base".utf8))),
      origin: .adapter(
        .init(
          name: "synthetic", format: "peft", digest: SHA256Digest.of(Array("adapter".utf8)),
          byteCount: 4_938_648, parameterCount: 2_442_240, rank: 8)),
      directions: directions, omegaSeed: directions == .selected ? nil : 7, storage: storage,
      record: JSONObject([
        ("method", "kfac"),
        ("training", ["objective": "kd", "steps": 100, "learningRate": 0.03, "batchSize": 16]),
      ]))
  }

  private static func module(
    _ name: String, _ outFeatures: Int, _ inFeatures: Int, _ rank: Int, _ storage: LatentStorage,
    _ directions: ArtifactMetadata.Directions, _ largestCode: Int?, _ embedding: Bool,
    _ pairs: Int, _ generator: inout SeededGenerator
  ) throws(Fault) -> ArtifactModule {
    let count = min(outFeatures, inFeatures)
    let columns = rank + pairs
    let normals = generator.normals(rank * columns + 1)
    let scales = (0..<columns).map { _ in 0.02 + 0.2 * generator.uniform() }
    let latent = Matrix<Float>(
      rows: rank, columns: columns,
      elements: (0..<rank * columns).map { Float(normals[$0] * scales[$0 % columns]) })
    let output = chosen(rank, of: count, directions, &generator)
    let input = chosen(rank, of: count, directions, &generator)
    var bases: [Matrix<Float>?] = [nil, nil]
    if embedding {
      bases = [outFeatures, inFeatures].map { features in
        Matrix(
          rows: features, columns: rank,
          elements: generator.normals(features * rank).map { Float($0) })
      }
    }
    let residual =
      pairs == 0 ? nil : try residual(pairs, outFeatures, inFeatures, columns, &generator)
    return ArtifactModule(
      moduleName: name, outFeatures: outFeatures, inFeatures: inFeatures,
      stored: try StoredLatent(latent, storage: storage, largestCode: largestCode),
      residual: residual, outputIndices: directions == .selected ? output : [],
      inputIndices: directions == .selected ? input : [],
      valueCheck: UInt8(truncatingIfNeeded: generator.next()),
      probes: [HalfPrecision.float(half: HalfPrecision.half(Float(normals[rank * columns])))],
      digestPrefix: [UInt8(truncatingIfNeeded: generator.next())],
      outputBasis: bases[0], inputBasis: bases[1])
  }

  /// Pairs of normal codes, and rows of M.
  private static func residual(
    _ pairs: Int, _ outFeatures: Int, _ inFeatures: Int, _ columns: Int,
    _ generator: inout SeededGenerator
  ) throws(Fault) -> StoredResidual {
    func coded(_ features: Int) -> CodedColumns {
      CodedColumns(
        features: features, count: pairs,
        codes: generator.normals(features * pairs).map { Int8(max(-7, min(7, ($0 * 3).rounded()))) }
      )
    }
    return try StoredResidual(
      output: coded(outFeatures), input: coded(inFeatures),
      rows: Matrix(
        rows: pairs, columns: columns,
        elements: generator.normals(pairs * columns).map { Float($0) }))
  }

  private static func chosen(
    _ rank: Int, of count: Int, _ directions: ArtifactMetadata.Directions,
    _ generator: inout SeededGenerator
  ) -> [Int] {
    directions == .selected
      ? Array(generator.permutation(count).prefix(rank)).sorted() : Array(0..<rank)
  }
}
