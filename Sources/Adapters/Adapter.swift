import Checkpoints
public import Faults
public import Files
import JSON
import Synchronization
import Threads

/// A LoRA adapter read completely: every tensor is part of an update, named in a warning, or a reason to
/// refuse.
public struct Adapter: Sendable {
  /// Name of the directory, or of the file without extension.
  public let name: String
  /// The path as given.
  public let path: String
  /// The dialect and what showed it.
  public let detection: AdapterDetection
  /// Size of the weights as shipped, of all files.
  public let byteCount: Int
  /// SHA-256 of the weights file; of the digests of its shards where it is in several.
  public let digest: SHA256Digest
  /// SHA-256 of the configuration file, which decides scaling and shapes of updates; of no bytes for
  /// dialects that have none.
  public let configurationDigest: SHA256Digest
  /// The base that the files name; never opened.
  public let baseModelName: String?
  /// What its configuration says that it was trained for, in PEFT's words (`task_type`); nil where it says nothing.
  public let taskType: String?
  /// The updates: by layer, then q, k, v, o, gate, up, down.
  public let updates: [LowRankUpdate]
  /// Changes of other parameters (`formats/adapters.md` §9).
  public let parts: [AdapterPart]
  /// Numbers in the file's tensors that are part of a change.
  public let parameterCount: Int
  /// The largest rank of any update as the file has it.
  public let rank: Int
  /// What people should know although the adapter was read.
  public let warnings: [Warning]
  /// How module names are to be matched with a base's.
  public let naming: ModuleNaming
  /// The names of the family whose GGUF form the rows of updates are in the order of.
  let ggufNames: TensorNames?
  /// Whether a head that is tied to the embeddings changes with them (`ensure_weight_tying`).
  let tiesHead: Bool
  /// How many layers the base must have (`layer_replication`); nil for any number.
  let stackedLayerCount: Int?
  /// Modules that should be in the file where the base has them.
  let missingModules: [String]
  /// Modules whose trained rows are those of another, where the base ties them.
  let tiedTokens: [String]

  init(
    _ reading: AdapterReading, _ detection: AdapterDetection, _ files: AdapterFiles,
    digest: SHA256Digest
  ) throws(Fault) {
    name = files.name
    path = files.path
    self.detection = detection
    byteCount = files.files.byteCount
    self.digest = digest
    configurationDigest = files.configurationDigest
    baseModelName = reading.baseModelName
    taskType = files.configuration?["task_type"]?.stringValue
    updates = reading.updates
    parts = reading.parts
    parameterCount =
      files.tensors.reduce(0) { $0 &+ $1.shape.reduce(1, &*) } &- reading.unusedCount
    rank = reading.updates.map(\.rank).max() ?? 0
    warnings = files.warnings + reading.summarised
    naming = reading.naming
    ggufNames = reading.ggufNames
    tiesHead = reading.tiesHead
    stackedLayerCount = reading.stackedLayerCount
    missingModules = reading.missingModules
    tiedTokens = reading.tiedTokens
    try files.files.checkUnchanged()
  }

  /// The same adapter with what a base has decided.
  init(_ adapter: Adapter, updates: [LowRankUpdate], parts: [AdapterPart], warnings: [Warning]) {
    name = adapter.name
    path = adapter.path
    detection = adapter.detection
    byteCount = adapter.byteCount
    digest = adapter.digest
    configurationDigest = adapter.configurationDigest
    baseModelName = adapter.baseModelName
    taskType = adapter.taskType
    self.updates = updates
    self.parts = parts
    parameterCount = adapter.parameterCount
    rank = adapter.rank
    self.warnings = warnings
    naming = .paths
    ggufNames = nil
    tiesHead = false
    stackedLayerCount = nil
    missingModules = []
    tiedTokens = []
  }

  /// The same adapter with more to say.
  public func adding(_ warnings: [Warning]) -> Adapter {
    warnings.isEmpty
      ? self
      : Adapter(self, updates: updates, parts: parts, warnings: self.warnings + warnings)
  }

  /// The dialect.
  public var dialect: AdapterDialect { detection.dialect }

  /// The dialect's name.
  public var format: String { dialect.rawValue }

  /// SHA-256 over both files' digests and the dialect: two adapters with the same one make the same
  /// updates.
  public var identity: SHA256Digest {
    SHA256Digest.of(digest.bytes + configurationDigest.bytes + Array(format.utf8))
  }

  /// Reads an adapter: a directory, or the file that holds its tensors.
  ///
  /// - Parameters:
  ///   - format: The dialect, where it is not to be found by content.
  ///   - memory: Bytes of the memory budget, of which products of small factors may take half; nil for the machine's.
  ///   - threads: With more than one the file is hashed while its tensors are decoded; each takes about as long.
  /// - Throws: 66 when a file is missing; 69 `AD-…` naming the field, tensor or format that is not
  ///   supported; 65 `AD-…`, `ST-…`, `VAL-…` for damage (`formats/adapters.md` §10).
  public static func open(
    _ path: String, format: AdapterDialect? = nil, threads: Int = 1, memory: Int? = nil
  ) throws(Fault) -> Adapter {
    let files = try AdapterFiles(path, memory: memory)
    let detection: AdapterDetection
    if let format { detection = .forced(format) } else { detection = try files.detect() }
    do throws(Fault) {
      let (reading, digest) = try Adapter.contents(files, detection.dialect, threads: threads)
      return try Adapter(reading, detection, files, digest: digest)
    } catch {
      throw error.at(path: files.weightsPath)
    }
  }

  private static func contents(
    _ files: AdapterFiles, _ dialect: AdapterDialect, threads: Int
  ) throws(Fault) -> (AdapterReading, SHA256Digest) {
    let parts = try parallelMap(2, threads: threads) { (part) throws(Fault) -> Part in
      if part == 0 { return .reading(try read(files, dialect)) }
      return .digest(try files.files.digest())
    }
    guard case .reading(let reading) = parts[0], case .digest(let digest) = parts[1] else {
      throw Fault(.internalError, "PAR-SLOT", "a parallel task left no result")
    }
    return (reading, digest)
  }

  /// What opening comes to; what is wrong with the tensors says more than that the file could not be hashed.
  private enum Part: Sendable {
    case reading(AdapterReading)
    case digest(SHA256Digest)
  }

  private static func read(
    _ files: AdapterFiles, _ dialect: AdapterDialect
  ) throws(Fault) -> AdapterReading {
    guard files.isGGUF == (dialect == .ggufLoRA) else {
      throw Fault(
        .badData, "AD-FORMAT",
        "\(files.isGGUF ? "a" : "not a") GGUF file, so not \(dialect.rawValue)")
    }
    switch dialect {
    case .peft: return try PEFTReader.read(files)
    case .loraXS: return try LoRAXSReader.read(files)
    case .kohya: return try KohyaReader.read(files)
    case .diffusers: return try DiffusersReader.read(files)
    case .mlx: return try MLXReader.read(files)
    case .ggufLoRA: return try GGUFLoRAReader.read(files)
    case .tinyLoRA: return try TinyLoRAReader.read(files)
    case .vera: return try VeRAReader.read(files)
    }
  }
}
