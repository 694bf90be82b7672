public import Checkpoints
public import Faults
import Files
import JSON

/// The files of an adapter, found and opened but not yet understood (`formats/adapters.md` §2).
public struct AdapterFiles: Sendable {
  /// The path as given.
  public let path: String
  /// The file that holds the tensors.
  public let weightsPath: String
  /// Name of the directory, or of the file without extension.
  public let name: String
  /// The tensors in file order.
  public var tensors: [TensorInfo] { source.tensors }

  let files: SourceFiles
  let source: any TensorSource
  let isGGUF: Bool
  /// Bytes that what is read may take; nil for what the machine has.
  let memory: Int?
  /// `adapter_config.json`, where there is one beside the weights.
  let configuration: JSONValue?
  let configurationPath: String
  let configurationDigest: SHA256Digest
  let warnings: [Warning]

  static let configurationName = "adapter_config.json"
  private static let configurationLimit = 4 << 20

  /// Finds and opens the files at `path`, a directory or the file with the tensors.
  ///
  /// - Throws: 66 when a file is missing; 65 `AD-FORMAT` when a directory holds several adapters; 65, 69
  ///   from the container and the configuration.
  public init(_ path: String, memory: Int? = nil) throws(Fault) {
    self.path = path
    self.memory = memory
    let place = try AdapterPlace(path)
    (weightsPath, warnings) = (place.path, place.warnings)
    let directory = Paths.parent(of: weightsPath)
    name = AdapterFiles.name(path: path, weights: weightsPath)
    if let shards = place.shards {
      let opened = try shards.open()
      isGGUF = false
      source = ShardTensors(opened)
      files = SourceFiles(
        try shards.names.map { (name) throws(Fault) in
          try InputFile(Paths.join(directory, name))
        })
    } else {
      (source, files, isGGUF) = try AdapterFiles.open(weightsPath)
    }
    configurationPath = Paths.join(directory, AdapterFiles.configurationName)
    // A GGUF adapter keeps its settings inside.
    guard !isGGUF, Paths.kind(of: configurationPath) != .missing else {
      configuration = nil
      configurationDigest = SHA256Digest.of([UInt8]())
      return
    }
    (configuration, configurationDigest) = try AdapterFiles.readConfiguration(configurationPath)
  }

  private static func open(
    _ path: String
  ) throws(Fault) -> (source: any TensorSource, files: SourceFiles, isGGUF: Bool) {
    let file = try InputFile(path)
    let prefix = try file.read(at: 0, count: min(FileSignature.byteCount, file.byteCount))
    switch FileSignature(prefix) {
    case .gguf:
      let tensors = try GGUFTensors(path)
      return (tensors, SourceFiles(try tensors.files()), true)
    case .zip: return (try TorchFile(file: file), SourceFiles([file]), false)
    default: return (try SafeTensorsFile(file: file), SourceFiles([file]), false)
    }
  }

  /// The dialect, found by content.
  public func detect() throws(Fault) -> AdapterDetection {
    do throws(Fault) {
      return try AdapterDetection.find(
        names: tensors.map(\.name), isGGUF: isGGUF, configuration: configuration)
    } catch {
      throw error.at(path: weightsPath)
    }
  }

  /// The values of a tensor.
  public func floats(of tensor: TensorInfo) throws(Fault) -> [Float] {
    try source.values(of: tensor)
  }

  /// Whether `path` is an adapter rather than a model, told by content.
  ///
  /// What cannot be opened is no adapter here: the reader that its content belongs to refuses it.
  public static func isAdapter(_ path: String) -> Bool {
    if Paths.kind(of: path) == .directory {
      let names = [configurationName] + AdapterPlace.names + AdapterPlace.otherNames
      if names.contains(where: { Paths.kind(of: Paths.join(path, $0)) == .file }) { return true }
      guard Paths.kind(of: Paths.join(path, "config.json")) == .missing else { return false }
      // This reader says in which of them.
      if !AdapterPlace.adapterFolders(in: path).isEmpty { return true }
    }
    if let prefix = try? InputFile(path).read(at: 0, count: 4), FileSignature(prefix) == .zip {
      // No other reader takes archives, and this one says what is wrong with them.
      return true
    }
    if Paths.name(of: path) == AdapterPlace.indexName { return true }
    guard let files = try? AdapterFiles(path) else {
      // One shard of an adapter, which this reader says is not all of it.
      guard let file = try? SafeTensorsFile.open(path) else { return false }
      return AdapterDetection.isAdapter(names: file.tensors.map(\.name), isGGUF: false)
    }
    return AdapterDetection.isAdapter(names: files.tensors.map(\.name), isGGUF: files.isGGUF)
  }

  // MARK: - Names and configuration

  private static func name(path: String, weights: String) -> String {
    if weights != path { return Paths.properName(of: path) }
    let name = Paths.name(of: path)
    let directory = Paths.parent(of: path)
    let isIndex = name.hasSuffix(SafeTensorsShards.indexEnding)
    if AdapterPlace.names.contains(name) || isIndex { return Paths.properName(of: directory) }
    let endings = [".safetensors", ".gguf", ".bin"]
    let ending = endings.first { name.hasSuffix($0) && name.utf8.count > $0.utf8.count }
    return String(name.dropLast(ending?.count ?? 0))
  }

  private static func readConfiguration(
    _ path: String
  ) throws(Fault) -> (JSONValue, SHA256Digest) {
    do throws(Fault) {
      let bytes = try InputFile(path).readAll(limit: configurationLimit)
      if let signature = FileSignature(bytes) { throw signature.refusal(path: path) }
      let limits = JSONLimits(
        byteCount: configurationLimit, depth: 16, memberCount: 65_536, memoryByteCount: 64 << 20)
      return (try JSONValue.parse(bytes, limits: limits), SHA256Digest.of(bytes))
    } catch {
      var fault = error.at(path: path)
      if fault.code.hasPrefix("JSON-"), fault.kind == .badData { fault.code = "AD-CONFIG" }
      throw fault
    }
  }
}
