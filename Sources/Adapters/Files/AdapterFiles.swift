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

  let file: InputFile
  let source: any TensorSource
  let isGGUF: Bool
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
  public init(_ path: String) throws(Fault) {
    self.path = path
    (weightsPath, warnings) = try AdapterFiles.weights(of: path)
    let directory = Paths.parent(of: weightsPath)
    name = AdapterFiles.name(path: path, weights: weightsPath)
    file = try InputFile(weightsPath)
    let prefix = try file.read(at: 0, count: min(64, file.byteCount))
    switch FileSignature(prefix) {
    case .gguf:
      isGGUF = true
      source = try GGUFTensors(weightsPath)
    case .zip:
      isGGUF = false
      source = try TorchFile(file: file)
    default:
      isGGUF = false
      source = try SafeTensorsFile(file: file)
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
      let names = [configurationName] + weightsNames + foreignNames.map(\.name)
      if names.contains(where: { Paths.kind(of: Paths.join(path, $0)) == .file }) { return true }
      guard Paths.kind(of: Paths.join(path, "config.json")) == .missing else { return false }
    }
    if let prefix = try? InputFile(path).read(at: 0, count: 4), FileSignature(prefix) == .zip {
      // No other reader takes archives, and this one says what is wrong with them.
      return true
    }
    guard let files = try? AdapterFiles(path) else { return false }
    return AdapterDetection.isAdapter(names: files.tensors.map(\.name), isGGUF: files.isGGUF)
  }

  // MARK: - Finding them

  /// Names of weights files, the preferred first (PEFT takes safetensors before pickle).
  static let weightsNames = [
    "adapter_model.safetensors", "adapter_model.bin", "adapters.safetensors",
    "pytorch_lora_weights.safetensors",
  ]

  /// Files of formats that are not read, with what to do.
  private static let foreignNames: [(name: String, advice: String)] = [
    ("adapters.npz", "is an MLX adapter of an old version; save as adapters.safetensors")
  ]

  private static func weights(
    of path: String
  ) throws(Fault) -> (path: String, warnings: [Warning]) {
    let isDirectory = Paths.kind(of: path) == .directory
    let directory = isDirectory ? path : Paths.parent(of: path)
    func exists(_ name: String) -> Bool { Paths.kind(of: Paths.join(directory, name)) == .file }
    let hasBoth = weightsNames[..<2].allSatisfy(exists)
    let warnings =
      hasBoth ? [Warning("AD-EXTRA", "is present and not used", subject: weightsNames[1])] : []
    guard isDirectory else {
      return (path, Paths.name(of: path) == weightsNames[0] ? warnings : [])
    }
    var found = weightsNames.filter(exists)
    if hasBoth { found.remove(at: 1) }
    if found.isEmpty {
      if let other = foreignNames.first(where: { exists($0.name) }) {
        throw Fault(
          .unsupported, "FILE-FORMAT", other.advice, path: Paths.join(path, other.name))
      }
      // Files with names of their own: kohya, llama.cpp.
      found = try Paths.entries(of: path).filter {
        ($0.hasSuffix(".safetensors") || $0.hasSuffix(".gguf")) && exists($0)
      }
    }
    guard let first = found.first else { return (Paths.join(path, weightsNames[0]), []) }
    guard found.count == 1 else {
      throw Fault(
        .badData, "AD-FORMAT",
        "holds \(Fault.escaped(first, limit: 64)) and \(Fault.escaped(found[1], limit: 64)); "
          + "give the file instead of the directory", path: path)
    }
    return (Paths.join(path, first), warnings)
  }

  private static func name(path: String, weights: String) -> String {
    if weights != path { return Paths.properName(of: path) }
    let name = Paths.name(of: path)
    let directory = Paths.parent(of: path)
    if weightsNames.contains(name) { return Paths.properName(of: directory) }
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
