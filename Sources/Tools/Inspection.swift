public import Adapters
import Artifacts
import Checkpoints
public import Faults
import Files
public import JSON
import Tensors

/// What a file is and that all of it is there (`xspress.inspect/1`).
public struct Inspection: Sendable {
  /// `checkpoint`, `adapter`, `artifact` or `bases`.
  public var kind: String
  /// `gguf`, `safetensors`, `hf`, `loraxs`, `xsbases`, or an adapter's dialect.
  public var format: String
  /// What showed the dialect of an adapter.
  public var detectedBy: String?
  /// The model architecture, where the file says it.
  public var architecture: String?
  /// The tensors.
  public var tensors: [Tensor]
  /// Settings and metadata of the kind.
  public var metadata: JSONValue
  /// What people should know although the file was read.
  public var warnings: [Warning] = []

  /// One tensor.
  public struct Tensor: Sendable {
    /// Its name in the file.
    public var name: String
    /// Its element or block type.
    public var dtype: String
    /// Its shape, Hugging Face order.
    public var shape: [Int]
    /// Its bytes in the file.
    public var bytes: Int
    /// SHA-256 of the decoded values, where asked for.
    public var sha256: String?
    /// Why a digest that was asked for is missing: the tensor is listed but not decoded.
    public var undecoded: String?
  }

  /// Opens whatever is at `path`, told by content; every tensor's extent is checked against the file.
  ///
  /// - Parameters:
  ///   - adapterFormat: Reads `path` as an adapter of this dialect.
  ///   - memory: Bytes that an artifact may take, and the factors of an adapter half of; nil for no budget.
  /// - Throws: what opening that kind of file throws.
  public init(
    path: String, digests: Bool, adapterFormat: AdapterDialect? = nil, memory: Int? = nil
  ) throws(Fault) {
    let isDirectory = Paths.kind(of: path) == .directory
    if adapterFormat != nil || AdapterFiles.isAdapter(path) {
      try self.init(
        adapter: try Adapter.open(path, format: adapterFormat, memory: memory), digests: digests)
    } else if !isDirectory, try Inspection.isZstandard(path) {
      try self.init(artifact: try Artifact.read(path, memory: memory), path: path, digests: digests)
    } else {
      try self.init(checkpoint: try Checkpoint.open(path), digests: digests)
    }
  }

  private static func isZstandard(_ path: String) throws(Fault) -> Bool {
    let file = try InputFile(path)
    let prefix = try file.read(at: 0, count: min(FileSignature.byteCount, file.byteCount))
    return FileSignature(prefix) == .zstd
  }

  private init(checkpoint: Checkpoint, digests: Bool) throws(Fault) {
    let isPack = checkpoint.metadata["format"]?.stringValue == "xsbases"
    kind = isPack ? "bases" : "checkpoint"
    format = isPack ? "xsbases" : checkpoint.format.rawValue
    architecture = checkpoint.architecture
    tensors = try checkpoint.tensors.map { (tensor) throws(Fault) in
      var row = Tensor(
        name: tensor.name, dtype: tensor.dtypeName, shape: tensor.shape, bytes: tensor.byteCount)
      guard digests else { return row }
      do throws(Fault) {
        row.sha256 = try checkpoint.digest(tensor.name)
      } catch {
        // Integers, such as the position_ids of BERT, and types of tomorrow do not hide the rest.
        guard error.kind == .unsupported else { throw error }
        row.undecoded = error.reason
      }
      return row
    }
    warnings = checkpoint.warnings
    metadata = checkpoint.metadata
  }

  private init(adapter: Adapter, digests: Bool) throws(Fault) {
    kind = "adapter"
    format = adapter.format
    architecture = nil
    detectedBy = adapter.detection.reason
    let files = try AdapterFiles(adapter.path)
    tensors = try files.tensors.map { (tensor) throws(Fault) in
      Tensor(
        name: tensor.name, dtype: tensor.dtypeName, shape: tensor.shape, bytes: tensor.byteCount,
        sha256: digests ? SHA256Digest.of(try files.floats(of: tensor)).hex : nil)
    }
    warnings = adapter.warnings
    metadata = .object([
      "name": .string(adapter.name), "rank": .integer(adapter.rank),
      "leastRank": .integer(adapter.updates.map(\.rank).min() ?? 0),
      "modules": .integer(adapter.updates.count),
      "otherParameters": .integer(adapter.parts.count),
      "parameters": .integer(adapter.parameterCount), "bytes": .integer(adapter.byteCount),
      "sha256": .string(adapter.digest.hex),
      "base": adapter.baseModelName.map { .string($0) } ?? .null,
      // Where modules differ the largest.
      "scaling": adapter.updates.map(\.scaling).max().map { .number($0) } ?? .null,
      "leastScaling": adapter.updates.map(\.scaling).min().map { .number($0) } ?? .null,
      "warnings": .array(adapter.warnings.lines.map { .string($0) }),
    ])
  }

  private init(artifact: Artifact, path: String, digests: Bool) throws(Fault) {
    kind = "artifact"
    format = "loraxs"
    architecture = artifact.metadata.base.architecture
    tensors = artifact.modules.flatMap { module in
      var parts = [
        Tensor(
          name: module.moduleName + ".latent", dtype: module.stored.storage.rawValue.uppercased(),
          shape: [module.latent.rows, module.latent.columns], bytes: module.stored.byteCount,
          sha256: digests ? SHA256Digest.of(module.latent.elements).hex : nil)
      ]
      guard let residual = module.residual else { return parts }
      for (side, columns) in [("output", residual.output), ("input", residual.input)] {
        parts.append(
          Tensor(
            name: "\(module.moduleName).residual_\(side)", dtype: "INT8",
            shape: [columns.features, columns.count], bytes: columns.codes.count,
            sha256: digests ? SHA256Digest.of(columns.matrix.elements).hex : nil))
      }
      return parts
    }
    tensors += artifact.carried.map { carried in
      Tensor(
        name: "\(carried.parameter) (carried)",
        dtype: carried.values.storage.rawValue.uppercased(), shape: carried.shape,
        bytes: carried.byteCount,
        sha256: digests ? SHA256Digest.of(carried.values.matrix.elements).hex : nil)
    }
    let about = artifact.metadata
    let origin: [(String, JSONValue)] =
      switch about.origin {
      case .adapter(let adapter):
        [
          ("adapter", .string(adapter.name)), ("adapterDigest", .string(adapter.digest.hex)),
          ("adapterBytes", .integer(adapter.byteCount)),
        ]
      case .scratch(let scratch):
        [
          ("scratch", .string(scratch.name)),
          ("targetModules", .array(scratch.modules.map { .string($0) })),
        ]
      }
    let head: [(String, JSONValue)] = [
      ("createdBy", .string(about.createdBy)), ("file", .string(Paths.name(of: path))),
      ("base", about.base.name.map { .string($0) } ?? .null),
      ("baseDigest", .string(about.base.rootDigest.hex)),
    ]
    let rest: [(String, JSONValue)] = [
      ("bytes", .integer(try InputFile(path).byteCount)),
      ("parameters", .integer(Inspection.numbers(of: artifact))),
      ("directions", .string(about.directions.rawValue)),
      ("storage", .string(about.storage.rawValue)), ("record", .object(about.record)),
      ("accuracy", about.accuracy),
    ]
    metadata = .object(JSONObject(head + origin + rest))
  }

  /// Every number that is stored: latents, vectors beside them and what is carried.
  private static func numbers(of artifact: Artifact) -> Int {
    let vectors = artifact.modules.compactMap(\.residual).reduce(0) {
      $0 + $1.output.features * $1.output.count + $1.input.features * $1.input.count
    }
    return artifact.parameterCount + vectors
      + artifact.carried.reduce(0) { $0 + $1.shape.reduce(1, *) }
  }

  /// The document of `--json`.
  public var json: JSONValue {
    .object([
      "schema": "xspress.inspect/1", "kind": .string(kind), "format": .string(format),
      "detected_by": detectedBy.map { .string($0) } ?? .null,
      "architecture": architecture.map { .string($0) } ?? .null,
      "tensors": .array(
        tensors.map { tensor in
          var object = JSONObject([
            ("name", .string(tensor.name)), ("dtype", .string(tensor.dtype)),
            ("shape", .array(tensor.shape.map { .integer($0) })),
            ("bytes", .integer(tensor.bytes)),
          ])
          if let digest = tensor.sha256 { object["sha256"] = .string(digest) }
          if let reason = tensor.undecoded {
            object["sha256"] = .null
            object["undecoded"] = .string(reason)
          }
          return .object(object)
        }),
      "metadata": metadata,
    ])
  }
}
