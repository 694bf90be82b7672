import Checkpoints
import Faults
import Files

/// Where the files of an adapter are (`formats/adapters.md` §2).
struct AdapterPlace {
  /// The file with the tensors, or the index of its shards.
  let path: String
  /// The shards, where it is an index.
  let shards: SafeTensorsShards?
  let warnings: [Warning]

  /// Names of weights files, the preferred first (PEFT takes safetensors before pickle).
  static let names = [
    "adapter_model.safetensors", "adapter_model.bin", "adapters.safetensors",
    "pytorch_lora_weights.safetensors",
  ]

  static let indexName = "adapter_model.safetensors.index.json"

  /// Files of formats that are not read, with what to do.
  private static let foreign: [(name: String, advice: String)] = [
    ("adapters.npz", "is an MLX adapter of an old version; save as adapters.safetensors"),
    (
      "adapter_model.bin.index.json",
      "names shards of pickles; save the adapter as adapter_model.safetensors"
    ),
  ]

  /// Names that show a folder to be an adapter's although it has none of ``names``.
  static var otherNames: [String] { [indexName] + foreign.map(\.name) }

  /// Finds the files at `path`, a directory, the file with the tensors, or the index of its shards.
  ///
  /// - Throws: 65 `AD-FORMAT` where several could be meant or one shard is given for all; 69 for formats that are not
  ///   read; 66 for a directory without any, naming the folders below that have one.
  init(_ path: String) throws(Fault) {
    if Paths.kind(of: path) == .directory {
      try self.init(directory: path)
    } else {
      try self.init(file: path)
    }
    try AdapterPlace.checkNoEmbeddings(Paths.parent(of: self.path))
  }

  private init(_ path: String, _ warnings: [Warning] = []) throws(Fault) {
    self.path = path
    self.warnings = warnings
    let isIndex = path.hasSuffix(SafeTensorsShards.indexEnding)
    shards = isIndex ? try SafeTensorsShards(index: path) : nil
  }

  private init(file path: String) throws(Fault) {
    let (folder, name) = (Paths.parent(of: path), Paths.name(of: path))
    try AdapterPlace.checkNoShard(name, in: folder)
    let other = AdapterPlace.names[1]
    let isPreferred =
      name == AdapterPlace.names[0] && AdapterPlace.isFile(other, in: folder)
    try self.init(path, isPreferred ? [AdapterPlace.unused(other)] : [])
  }

  private init(directory path: String) throws(Fault) {
    let names = AdapterPlace.names
    func exists(_ name: String) -> Bool { AdapterPlace.isFile(name, in: path) }
    var found = names.filter(exists)
    var warnings: [Warning] = []
    // One file counts before its shards, and these before a pickle.
    if exists(AdapterPlace.indexName) {
      if found.first == names[0] {
        warnings.append(AdapterPlace.unused(AdapterPlace.indexName))
      } else {
        found.insert(AdapterPlace.indexName, at: 0)
      }
    }
    if found.count > 1, found[1] == names[1] {
      warnings.append(AdapterPlace.unused(found.remove(at: 1)))
    }
    if found.isEmpty {
      if let other = AdapterPlace.foreign.first(where: { exists($0.name) }) {
        throw Fault(
          .unsupported, "FILE-FORMAT", other.advice, path: Paths.join(path, other.name))
      }
      found = try AdapterPlace.others(in: path)
    }
    guard let first = found.first else { throw try AdapterPlace.nothing(in: path) }
    guard found.count == 1 else {
      throw Fault(
        .badData, "AD-FORMAT",
        "holds \(Fault.escaped(first, limit: 64)) and \(Fault.escaped(found[1], limit: 64)); "
          + "give the file instead of the directory", path: path)
    }
    try AdapterPlace.checkNoShard(first, in: path)
    try self.init(Paths.join(path, first), warnings)
  }

  private static func isFile(_ name: String, in folder: String) -> Bool {
    Paths.kind(of: Paths.join(folder, name)) == .file
  }

  private static func unused(_ name: String) -> Warning {
    Warning("AD-EXTRA", "is present and not used", subject: name)
  }

  // MARK: - Other names

  /// Files with names of their own, as kohya and llama.cpp write them; shards are named by their index.
  private static func others(in folder: String) throws(Fault) -> [String] {
    let names = try Paths.entries(of: folder).filter { name in
      // `._x` holds what macOS knows about x on a disk of another system.
      !name.hasPrefix("._") && isFile(name, in: folder)
    }
    let indices = names.filter { $0.hasSuffix(SafeTensorsShards.indexEnding) }
    var listed: Set<String> = []
    for index in indices {
      listed.formUnion(try SafeTensorsShards(index: Paths.join(folder, index)).names)
    }
    return indices
      + names.filter {
        ($0.hasSuffix(".safetensors") || $0.hasSuffix(".gguf")) && !listed.contains($0)
          && !embeddings.contains($0)
      }
  }

  /// A directory without weights: names folders below that have some.
  private static func nothing(in folder: String) throws(Fault) -> Fault {
    try checkNoEmbeddings(folder)
    let below = adapterFolders(in: folder)
    guard let first = below.first else {
      return Fault(
        .missingInput, "IO-OPEN", "holds no file of an adapter, such as \(names[0])", path: folder)
    }
    return Fault(
      .missingInput, "IO-OPEN",
      below.count == 1
        ? "the adapter is one folder below: give \(Fault.escaped(Paths.join(folder, first), limit: 128))"
        : "\(below.count) folders below hold an adapter, first "
          + "\(Fault.escaped(first, limit: 96)): give one of them", path: folder)
  }

  /// Folders in `folder` that hold an adapter, by name.
  static func adapterFolders(in folder: String) -> [String] {
    let entries = (try? Paths.entries(of: folder)) ?? []
    let known = [AdapterFiles.configurationName, indexName] + names
    return entries.prefix(4096).filter { entry in
      let path = Paths.join(folder, entry)
      return Paths.kind(of: path) == .directory && known.contains { isFile($0, in: path) }
    }
  }

  // MARK: - What must not be taken for a whole adapter

  /// Refuses a file that is one of several.
  private static func checkNoShard(_ name: String, in folder: String) throws(Fault) {
    guard name.hasSuffix(".safetensors") else { return }
    for entry in try Paths.entries(of: folder)
    where entry.hasSuffix(SafeTensorsShards.indexEnding) && isFile(entry, in: folder) {
      let shards = try SafeTensorsShards(index: Paths.join(folder, entry))
      // An index of one shard says that it is everything.
      guard shards.names.count > 1, shards.names.contains(name) else { continue }
      throw Fault(
        .badData, "AD-FORMAT",
        "is one of \(shards.names.count) shards; give the directory or "
          + Fault.escaped(entry, limit: 96), path: Paths.join(folder, name))
    }
    guard let count = shardCount(name), count > 1 else { return }
    throw Fault(
      .badData, "AD-FORMAT",
      "is one of \(count) shards by its name, and the index that names the others is not beside it",
      path: Paths.join(folder, name))
  }

  /// N of `PREFIX-00001-of-0000N.safetensors`; nil for other names.
  private static func shardCount(_ name: String) -> Int? {
    let parts = name.dropLast(".safetensors".utf8.count).split(
      separator: "-", omittingEmptySubsequences: false)
    guard parts.count > 3, parts[parts.count - 2] == "of",
      [parts[parts.count - 3], parts[parts.count - 1]].allSatisfy({ part in
        part.utf8.count == 5 && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
      })
    else { return nil }
    return Int(parts[parts.count - 1])
  }

  /// Rows of added tokens that vLLM and its trainers keep in a file of their own.
  private static let embeddings = ["new_embeddings.safetensors", "new_embeddings.bin"]

  private static func checkNoEmbeddings(_ folder: String) throws(Fault) {
    guard let name = embeddings.first(where: { isFile($0, in: folder) }) else { return }
    throw Fault(
      .unsupported, "AD-EXTRA",
      "holds rows of added tokens, which belong to the adapter and are in no base: save them into a base with "
        + "that vocabulary, or move the file away to do without them",
      path: Paths.join(folder, name))
  }
}
