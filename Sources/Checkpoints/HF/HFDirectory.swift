internal import Faults
internal import Files
internal import Glibc

/// The files of a Hugging Face model (`formats/hf.md` §1).
struct HFDirectory: Sendable {
  /// The folder.
  let path: String

  /// The path of a file in the folder.
  func file(_ name: String) -> String { Paths.join(path, name) }

  /// The path of a file in the folder, nil where there is none.
  func existing(_ name: String) -> String? {
    let path = file(name)
    return Paths.kind(of: path) == .missing ? nil : path
  }

  /// Opens the weights: one file, or shards through their index.
  ///
  /// - Throws: 66 where there are none, naming every missing shard; 65 `IDX-AMBIG` where there is
  ///   both a single file and an index; 69 where there are only pickled weights.
  func openWeights() throws(Fault) -> [SafeTensorsFile] {
    let single = existing("model.safetensors")
    let index = existing(ShardIndex.fileName)
    switch (single, index) {
    case (let single?, nil): return [try SafeTensorsFile.open(single)]
    case (nil, let index?): return try openShards(try ShardIndex(index))
    case (_?, let index?):
      throw Fault(
        .badData, "IDX-AMBIG",
        "there are both model.safetensors and this index; name the .safetensors file to use it",
        path: index)
    case (nil, nil): throw noWeights()
    }
  }

  private func noWeights() -> Fault {
    for name in ["pytorch_model.bin", "pytorch_model.bin.index.json"] {
      if let pickled = existing(name) {
        return Fault(
          .unsupported, "FILE-FORMAT", "pickle is not loaded; save as safetensors", path: pickled)
      }
    }
    return Fault(
      .missingInput, "IO-OPEN", "no model.safetensors and no index of shards in the directory",
      path: path)
  }

  private func openShards(_ index: ShardIndex) throws(Fault) -> [SafeTensorsFile] {
    let missing = index.shards.filter { Paths.kind(of: file($0)) == .missing }
    guard missing.isEmpty else {
      let names = missing.prefix(4).joined(separator: ", ")
      throw Fault(
        .missingInput, "IO-OPEN",
        "\(missing.count) of \(index.shards.count) shards are missing: \(names)"
          + (missing.count > 4 ? ", ..." : ""),
        path: path)
    }
    var files: [SafeTensorsFile] = []
    for shard in index.shards {
      _ = try resolvedInside(shard)
      files.append(try SafeTensorsFile.open(file(shard)))
    }
    try index.check(files)
    return files
  }

  /// The path of a file with every link followed.
  ///
  /// A link may lead into the blobs of a model cache, whose layout is
  /// `models--X/snapshots/REVISION/NAME -> ../../blobs/DIGEST`.
  ///
  /// - Throws: 65 `PATH` for any other link out of the folder.
  func resolvedInside(_ name: String) throws(Fault) -> String {
    guard let folder = Self.resolved(path), let target = Self.resolved(file(name)) else {
      throw Fault(.missingInput, "IO-OPEN", "the path cannot be resolved", path: file(name))
    }
    var allowed = [folder]
    let snapshots = Paths.parent(of: folder)
    if Paths.name(of: snapshots) == "snapshots" {
      allowed.append(Paths.join(Paths.parent(of: snapshots), "blobs"))
    }
    guard allowed.contains(where: { target.utf8.starts(with: ($0 + "/").utf8) }) else {
      throw Fault(.badData, "PATH", "the file is a link out of the directory", path: file(name))
    }
    return target
  }

  /// The path with every link followed.
  private static func resolved(_ path: String) -> String? {
    guard let result = realpath(path, nil) else { return nil }
    defer { free(result) }
    return String(cString: result)
  }
}
