import Checkpoints
import Faults
import Files
import Foundation
import Tensors
import TestSupport
import Testing

/// Directories, shards and paths (`formats/hf.md` §1 and §2).
@Suite struct HFDirectoryTests {
  /// Splits the weights of a copy of the tiny model into two shards with an index.
  private func withShards<R>(
    index change: (inout [String: Any]) -> Void = { _ in },
    _ body: (_ folder: String) throws -> R
  ) throws -> R {
    try TinyLlama.withCopy { folder in
      let whole = try SafeTensorsFile.open(folder + "/model.safetensors")
      var writers = [SafeTensorsWriter(), SafeTensorsWriter()]
      var map: [String: Any] = [:]
      for (number, tensor) in whole.tensors.enumerated() {
        let bytes = try whole.bytes(of: tensor)
        try writers[number % 2].add(tensor.name, dtype: .f32, shape: tensor.shape, bytes: bytes)
        map[tensor.name] = Self.shard(number % 2)
      }
      for (number, writer) in writers.enumerated() {
        _ = try writer.write(to: folder + "/" + Self.shard(number))
      }
      change(&map)
      let index: [String: Any] = ["metadata": ["total_size": 1], "weight_map": map]
      try JSONSerialization.data(withJSONObject: index)
        .write(to: URL(fileURLWithPath: folder + "/model.safetensors.index.json"))
      try FileManager.default.removeItem(atPath: folder + "/model.safetensors")
      return try body(folder)
    }
  }

  private static func shard(_ number: Int) -> String {
    "model-0000\(number + 1)-of-00002.safetensors"
  }

  private func open(_ folder: String) -> Fault? { fault { _ = try BaseCheckpoint.open(folder) } }

  @Test func readsShards() throws {
    let whole = try BaseCheckpoint.open(TinyLlama.folder)
    try withShards { folder in
      let base = try BaseCheckpoint.open(folder)
      #expect(base.tensors.count == whole.tensors.count)
      for tensor in whole.tensors {
        let a = try whole.digest(tensor.name)
        let b = try base.digest(tensor.name)
        #expect(a == b)
      }
    }
  }

  @Test(arguments: [
    "../other/model.safetensors", "/etc/passwd", "a/../../x.safetensors", "a\\b.safetensors",
    "a\u{0}b.safetensors", "", ".", "..", "model.bin",
    String(repeating: "n", count: 300) + ".safetensors",
  ])
  func refusesShardNames(_ name: String) throws {
    try withShards(index: { $0["lm_head.weight"] = name }) { folder in
      let found = open(folder)
      #expect(found?.code == "PATH" && found?.kind == .badData, "\(String(describing: found))")
      #expect(found?.tensor == "lm_head.weight")
    }
  }

  @Test func refusesAnIndexThatDisagreesWithTheShards() throws {
    try withShards(index: { $0["lm_head.weight"] = nil }) { #expect(open($0)?.code == "IDX") }
    try withShards(index: { $0["extra.weight"] = Self.shard(0) }) {
      #expect(open($0)?.code == "IDX")
    }
    try withShards(index: { map in
      for (key, value) in map {
        map[key] = value as? String == Self.shard(0) ? Self.shard(1) : Self.shard(0)
      }
    }) { #expect(open($0)?.code == "IDX") }
    try withShards(index: { $0["lm_head.weight"] = 1 }) { #expect(open($0)?.code == "IDX-JSON") }
    try withShards(index: { $0 = [:] }) { #expect(open($0)?.code == "IDX-JSON") }
  }

  @Test func refusesATensorInTwoShards() throws {
    try withShards { folder in
      let second = folder + "/" + Self.shard(1)
      try FileManager.default.removeItem(atPath: second)
      try FileManager.default.copyItem(atPath: folder + "/" + Self.shard(0), toPath: second)
      #expect(open(folder)?.code == "IDX-DUP")
    }
  }

  @Test func namesMissingShards() throws {
    try withShards { folder in
      try FileManager.default.removeItem(atPath: folder + "/" + Self.shard(1))
      let found = open(folder)
      #expect(found?.kind == .missingInput)
      #expect(found?.reason.contains("1 of 2 shards") == true)
      #expect(found?.reason.contains(Self.shard(1)) == true)
    }
  }

  @Test func refusesLinksOutOfTheDirectory() throws {
    try withShards { folder in
      let outside = folder + "/../outside.safetensors"
      let shard = folder + "/" + Self.shard(1)
      try FileManager.default.moveItem(atPath: shard, toPath: outside)
      try FileManager.default.createSymbolicLink(
        atPath: shard, withDestinationPath: "../outside.safetensors")
      #expect(open(folder)?.code == "PATH")
    }
  }

  @Test func followsLinksInsideAModelCache() throws {
    try withShards { folder in
      let cache = Paths.parent(of: folder) + "/models--x"
      let snapshot = cache + "/snapshots/0123"
      let files = FileManager.default
      try files.createDirectory(atPath: cache + "/snapshots", withIntermediateDirectories: true)
      try files.createDirectory(atPath: cache + "/blobs", withIntermediateDirectories: true)
      try files.moveItem(atPath: folder, toPath: snapshot)
      let shard = snapshot + "/" + Self.shard(1)
      try files.moveItem(atPath: shard, toPath: cache + "/blobs/abc")
      try files.createSymbolicLink(atPath: shard, withDestinationPath: "../../blobs/abc")
      #expect(open(snapshot) == nil)
    }
  }

  @Test(arguments: ["loop", "dangling", "directory", "fifo", "device"])
  func refusesShardsThatAreNoFiles(_ kind: String) throws {
    try withShards { folder in
      let shard = folder + "/" + Self.shard(1)
      let files = FileManager.default
      try files.removeItem(atPath: shard)
      switch kind {
      case "loop": try files.createSymbolicLink(atPath: shard, withDestinationPath: Self.shard(1))
      case "dangling": try files.createSymbolicLink(atPath: shard, withDestinationPath: "nowhere")
      case "directory":
        try files.createDirectory(atPath: shard, withIntermediateDirectories: false)
      case "fifo": #expect(mkfifo(shard, 0o600) == 0)
      default: try files.createSymbolicLink(atPath: shard, withDestinationPath: "/dev/zero")
      }
      let found = open(folder)
      let isMissing = ["loop", "dangling"].contains(kind)
      #expect(found?.kind == (isMissing ? .missingInput : .badData), "\(String(describing: found))")
    }
  }

  @Test(arguments: [
    #"{"weight_map":{"a":"m.safetensors","a":"m.safetensors"}}"#,
    #"{"weight_map":["m.safetensors"]}"#, #"{"weight_map":{}}"#, "[]", "{", "",
    #"{"weight_map":{"a":null}}"#,
    #"{"weight_map":"# + String(repeating: "[", count: 100_000),
  ])
  func refusesDamagedIndices(_ text: String) throws {
    try withShards { folder in
      let index = folder + "/model.safetensors.index.json"
      try text.write(toFile: index, atomically: false, encoding: .utf8)
      #expect(open(folder)?.code == "IDX-JSON", "\(String(describing: open(folder)))")
    }
  }

  /// Its size is looked at before anything of it is read.
  @Test func refusesAnIndexOfHundredsOfMegabytes() throws {
    try withShards { folder in
      let index = folder + "/model.safetensors.index.json"
      #expect(truncate(index, 200 << 20) == 0)
      #expect(open(folder)?.kind == .badData, "\(String(describing: open(folder)))")
    }
  }

  /// Another file beside the shards is not looked at; names that differ in case only are two tensors.
  @Test func namesAreComparedByBytes() throws {
    try withTemporaryDirectory { folder in
      var writer = SafeTensorsWriter()
      try writer.add("w", shape: [1], floats: [1])
      try writer.add("W", shape: [1], floats: [2])
      try writer.write(to: folder + "/Model-1.safetensors")
      try writer.write(to: folder + "/other.safetensors")
      let index = #"{"weight_map":{"w":"Model-1.safetensors","W":"Model-1.safetensors"}}"#
      try index.write(
        toFile: folder + "/model.safetensors.index.json", atomically: false, encoding: .utf8)
      try "{}".write(toFile: folder + "/config.json", atomically: false, encoding: .utf8)
      let checkpoint = try Checkpoint.open(folder)
      #expect(try checkpoint.floats("w") == [1] && checkpoint.floats("W") == [2])
      #expect(checkpoint.tensors.count == 2)
    }
  }

  @Test func codeBesideTheWeightsIsNotLookedAt() throws {
    let change: (inout [String: Any]) -> Void = {
      $0["auto_map"] = ["AutoModel": "modeling.Model"]
      $0["trust_remote_code"] = true
    }
    try TinyLlama.withCopy(config: change) { folder in
      try "raise SystemExit".write(
        toFile: folder + "/modeling.py", atomically: false, encoding: .utf8)
      #expect(open(folder) == nil)
    }
  }

  @Test func refusesAmbiguity() throws {
    try withShards { folder in
      try FileManager.default.copyItem(
        atPath: TinyLlama.folder + "/model.safetensors", toPath: folder + "/model.safetensors")
      #expect(open(folder)?.code == "IDX-AMBIG")
      // Naming the file settles it.
      #expect(open(folder + "/model.safetensors") == nil)
    }
  }

  @Test func saysWhatIsThereInstead() throws {
    try TinyLlama.withCopy { folder in
      let weights = folder + "/model.safetensors"
      try FileManager.default.removeItem(atPath: weights)
      #expect(open(folder)?.kind == .missingInput)
      try "x".write(toFile: folder + "/pytorch_model.bin", atomically: false, encoding: .utf8)
      #expect(open(folder)?.reason.contains("pickle") == true)
      try "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
        .write(toFile: weights, atomically: false, encoding: .utf8)
      #expect(open(folder)?.reason.contains("LFS") == true)
      try "".write(toFile: weights, atomically: false, encoding: .utf8)
      #expect(open(folder)?.kind == .badData)
    }
    #expect(open("/nonexistent/model")?.kind == .missingInput)
    try withTemporaryDirectory { #expect(open($0)?.kind == .missingInput) }
  }

  @Test func aFileWithoutConfigurationIsListedOnly() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/model.safetensors"
      try FileManager.default.copyItem(
        atPath: TinyLlama.folder + "/model.safetensors", toPath: path)
      let checkpoint = try Checkpoint.open(path)
      #expect(checkpoint.architecture == nil && checkpoint.tensors.count == 21)
      #expect(open(path)?.kind == .missingInput)
    }
  }
}
