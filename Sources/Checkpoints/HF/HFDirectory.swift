internal import Faults
internal import Files

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

  /// Names of files of Python code.
  var programs: [String] {
    // That they cannot be listed keeps nobody from reading the weights, which are found by name.
    ((try? Paths.entries(of: path)) ?? []).filter { $0.hasSuffix(".py") }
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
    case (nil, let index?): return try SafeTensorsShards(index: index).open()
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
}
