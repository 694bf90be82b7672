import Adapters
import Checkpoints
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing

/// Which files of a folder are an adapter (`formats/adapters.md` §2).
@Suite struct AdapterPlaceTests {
  /// The tiny adapter in a shard for each module, and their index.
  private static func shard(_ tiny: TinyAdapter, in folder: String) throws(Fault) -> [String] {
    try tiny.write(to: folder)
    _ = SystemCalls.posix.unlink(Paths.join(folder, "adapter_model.safetensors"))
    let names = (1...2).map { "adapter_model-0000\($0)-of-00002.safetensors" }
    var map = JSONObject()
    for (index, name) in names.enumerated() {
      var writer = SafeTensorsWriter()
      for tensor in tiny.tensors where tensor.name.contains("q_proj") == (index == 0) {
        try writer.add(tensor.name, dtype: .f32, shape: tensor.shape, floats: tensor.values)
        map[tensor.name] = .string(name)
      }
      try writer.write(to: Paths.join(folder, name))
    }
    try AtomicFile.write(
      Paths.join(folder, "adapter_model.safetensors.index.json"),
      text: JSONValue.object(["weight_map": .object(map)]).text())
    return names
  }

  @Test func shardsAreReadThroughTheirIndex() throws {
    try withTemporaryDirectory { folder in
      let names = try Self.shard(TinyAdapter(), in: folder)
      let adapter = try Adapter.open(folder)
      try withTemporaryDirectory { whole in
        try TinyAdapter().write(to: whole)
        #expect(try Adapter.open(whole).updates == adapter.updates)
      }
      #expect(AdapterFiles.isAdapter(folder) && adapter.warnings.isEmpty)
      let sizes = try names.map { try InputFile(Paths.join(folder, $0)).byteCount }
      #expect(adapter.byteCount == sizes.reduce(0, +))
      #expect(adapter.name == Paths.name(of: folder))
      let index = Paths.join(folder, "adapter_model.safetensors.index.json")
      let named = try Adapter.open(index, threads: 2)
      #expect(named.updates == adapter.updates && named.digest == adapter.digest)
      #expect(named.name == adapter.name)
      // Any byte of any shard changes the digest.
      let last = Paths.join(folder, names[1])
      var bytes = try InputFile(last).readAll(limit: 1 << 20)
      bytes[bytes.count - 1] ^= 0x80
      try AtomicFile.write(last, bytes: bytes)
      #expect(try Adapter.open(folder).digest != adapter.digest)
    }
  }

  @Test func aShardAloneIsNoAdapter() throws {
    try withTemporaryDirectory { folder in
      let names = try Self.shard(TinyAdapter(), in: folder)
      let first = Paths.join(folder, names[0])
      let index = Paths.join(folder, "adapter_model.safetensors.index.json")
      let alone = fault { () throws(Fault) in try Adapter.open(first) }
      #expect(alone?.code == "AD-FORMAT" && alone?.path == first)
      #expect(alone?.reason.contains("one of 2 shards") == true)
      // A name of its own does not help where the index lists it.
      let text = try InputFile(index).readAll(limit: 1 << 20)
      try AtomicFile.write(
        index,
        text: String(decoding: text, as: UTF8.self).replacing(names[0], with: "a.safetensors"))
      try AtomicFile.write(
        Paths.join(folder, "a.safetensors"), bytes: InputFile(first).readAll(limit: 1 << 20))
      _ = SystemCalls.posix.unlink(first)
      #expect(try Adapter.open(folder).updates.count == 2)
      let renamed = fault { () throws(Fault) in
        try Adapter.open(Paths.join(folder, "a.safetensors"))
      }
      #expect(renamed?.reason.contains("one of 2 shards") == true)
      // A missing shard is named.
      _ = SystemCalls.posix.unlink(Paths.join(folder, names[1]))
      let missing = fault { () throws(Fault) in try Adapter.open(folder) }
      #expect(missing?.exitCode == 66 && missing?.reason.contains(names[1]) == true)
      // Without the index the name says that there are others.
      _ = SystemCalls.posix.unlink(index)
      try AtomicFile.write(
        Paths.join(folder, names[1]),
        bytes: InputFile(Paths.join(folder, "a.safetensors")).readAll(limit: 1 << 20))
      _ = SystemCalls.posix.unlink(Paths.join(folder, "a.safetensors"))
      for path in [folder, Paths.join(folder, names[1])] {
        let found = fault { () throws(Fault) in try Adapter.open(path) }
        #expect(found?.code == "AD-FORMAT" && found?.reason.contains("index") == true)
      }
    }
  }

  @Test func oneFileCountsBeforeShards() throws {
    try withTemporaryDirectory { folder in
      _ = try Self.shard(TinyAdapter(), in: folder)
      try TinyAdapter().write(to: folder)
      let adapter = try Adapter.open(folder)
      #expect(adapter.warnings.map(\.kind) == ["AD-EXTRA"])
      #expect(adapter.warnings.first?.subject == "adapter_model.safetensors.index.json")
    }
  }

  @Test func shardsOfPicklesAreNamed() throws {
    try withTemporaryDirectory { folder in
      try AtomicFile.write(Paths.join(folder, "adapter_model.bin.index.json"), text: "{}")
      #expect(AdapterFiles.isAdapter(folder))
      let found = fault { () throws(Fault) in try Adapter.open(folder) }
      #expect(found?.code == "FILE-FORMAT" && found?.reason.contains("pickles") == true)
    }
  }

  /// What macOS leaves on disks of other systems is not read.
  @Test func appleDoubleFilesAreIgnored() throws {
    try withTemporaryDirectory { folder in
      try LooseAdapter(
        tensors: [
          ("lora_unet_q.lora_down.weight", [2, 4]), ("lora_unet_q.lora_up.weight", [3, 2]),
        ], fileName: "net.safetensors"
      ).write(to: folder)
      for name in ["._net.safetensors", "._x.gguf", "._adapter_config.json"] {
        try AtomicFile.write(Paths.join(folder, name), bytes: [0, 5, 0x16, 7])
      }
      #expect(try Adapter.open(folder).dialect == .kohya)
    }
  }

  @Test func theFolderBelowIsNamed() throws {
    try withTemporaryDirectory { parent in
      let below = Paths.join(parent, "checkpoint-100")
      try Paths.makeDirectory(below)
      try TinyAdapter().write(to: below)
      try AtomicFile.write(Paths.join(parent, "reconstr_config.json"), text: "{}")
      // This reader refuses it, not that of models.
      #expect(AdapterFiles.isAdapter(parent))
      let one = fault { () throws(Fault) in try Adapter.open(parent) }
      #expect(one?.exitCode == 66 && one?.path == parent)
      #expect(one?.reason.contains("give \(below)") == true, "\(one?.reason ?? "")")
      let second = Paths.join(parent, "checkpoint-200")
      try Paths.makeDirectory(second)
      try TinyAdapter().write(to: second)
      let two = fault { () throws(Fault) in try Adapter.open(parent) }
      #expect(two?.reason.contains("2 folders below") == true)
      // A model's folder stays a model's.
      try AtomicFile.write(Paths.join(parent, "config.json"), text: "{}")
      #expect(!AdapterFiles.isAdapter(parent))
    }
  }

  @Test(arguments: ["new_embeddings.safetensors", "new_embeddings.bin"])
  func rowsOfAddedTokensAreNotLost(name: String) throws {
    try withTemporaryDirectory { folder in
      try TinyAdapter().write(to: folder)
      try AtomicFile.write(Paths.join(folder, name), text: "x")
      for path in [folder, Paths.join(folder, "adapter_model.safetensors")] {
        let found = fault { () throws(Fault) in try Adapter.open(path) }
        #expect(found?.exitCode == 69 && found?.code == "AD-EXTRA")
        #expect(found?.path?.hasSuffix(name) == true)
        #expect(found?.reason.contains("added tokens") == true)
      }
    }
  }
}
