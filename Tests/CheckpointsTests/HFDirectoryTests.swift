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
