public import Faults
internal import Files

/// Safetensors files that an index says belong together (`formats/hf.md` §2).
public struct SafeTensorsShards: Sendable {
  /// What names of indices end in.
  public static let indexEnding = ".safetensors.index.json"

  /// The path of the index.
  public let path: String
  /// The names of the shards, in the order of their bytes.
  public var names: [String] { index.shards }
  private let index: ShardIndex

  /// Reads an index; nothing that it names is opened.
  ///
  /// - Throws: 65 `IDX-JSON` for a damaged index, 65 `PATH` for a shard name that is not a plain file name.
  public init(index path: String) throws(Fault) {
    self.path = path
    index = try ShardIndex(path)
  }

  /// Opens the shards.
  ///
  /// - Throws: 66 naming those that are missing; 65 `PATH` for a link out of the folder; 65 `IDX`, `IDX-DUP` where the
  ///   shards do not hold exactly the tensors that the index puts there.
  public func open() throws(Fault) -> [SafeTensorsFile] {
    let folder = Paths.parent(of: path)
    let missing = names.filter { Paths.kind(of: Paths.join(folder, $0)) == .missing }
    guard missing.isEmpty else {
      let list = missing.prefix(4).joined(separator: ", ")
      throw Fault(
        .missingInput, "IO-OPEN",
        "\(missing.count) of \(names.count) shards are missing: \(list)"
          + (missing.count > 4 ? ", ..." : ""),
        path: folder)
    }
    var files: [SafeTensorsFile] = []
    for shard in names {
      _ = try FolderLink.resolved(shard, in: folder)
      files.append(try SafeTensorsFile.open(Paths.join(folder, shard)))
    }
    try index.check(files)
    return files
  }
}
