import Checkpoints
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing

@Suite struct ShardedWriterTests {
  /// The tiny model, 80 kB, written anew with at most `shardBytes` of tensors in a file.
  private func write(_ folder: String, shardBytes: Int) throws -> [String] {
    let source = Checkout.path("golden/tiny/model")
    let base = try BaseCheckpoint.open(source)
    var writer = ShardedWriter(shardBytes: shardBytes)
    for tensor in base.tensors {
      try writer.add(tensor.name, dtype: .f32, shape: tensor.shape) { () throws(Fault) in
        try base.checkpoint.floats(tensor.name)
      }
    }
    let configuration = try InputFile(Paths.join(source, "config.json")).readAll(limit: 1 << 16)
    try AtomicFile.write(Paths.join(folder, "config.json"), bytes: configuration)
    return try writer.write(to: folder)
  }

  private func checkModel(_ folder: String) throws {
    let (found, wanted) = (
      try BaseCheckpoint.open(folder), try BaseCheckpoint.open(Checkout.path("golden/tiny/model"))
    )
    #expect(Set(found.tensors.map(\.name)) == Set(wanted.tensors.map(\.name)))
    for tensor in wanted.tensors {
      #expect(try found.digest(tensor.name) == wanted.digest(tensor.name))
    }
  }

  @Test func smallModelsAreOneFile() throws {
    try withTemporaryDirectory { (folder) throws in
      #expect(try write(folder, shardBytes: 1 << 20) == [Paths.join(folder, "model.safetensors")])
      try checkModel(folder)
    }
  }

  @Test func shardsHoldAtMostTheirSize() throws {
    try withTemporaryDirectory { (folder) throws in
      let limit = 20_000
      let files = try write(folder, shardBytes: limit)
      let names = files.map { Paths.name(of: $0) }
      #expect(names.count > 4)
      let count = names.count - 1
      #expect(names.first == "model-00001-of-0000\(count).safetensors")
      #expect(names.last == "model.safetensors.index.json")
      for path in files.dropLast() {
        let shard = try SafeTensorsFile.open(path)
        #expect(shard.tensors.reduce(0) { $0 + $1.byteCount } <= limit)
      }
      let text = try InputFile(Paths.join(folder, "model.safetensors.index.json"))
        .readAll(limit: 1 << 20)
      let index = try JSONValue.parse(text)
      let base = try BaseCheckpoint.open(Checkout.path("golden/tiny/model"))
      let bytes = base.tensors.reduce(0) { $0 + $1.byteCount }
      #expect(
        index["metadata"] == [
          "total_parameters": .integer(bytes / 4), "total_size": .integer(bytes),
        ])
      try checkModel(folder)
    }
  }

  @Test func aTensorAboveTheSizeIsAlone() throws {
    try withTemporaryDirectory { (folder) throws in
      let files = try write(folder, shardBytes: 1)
      let base = try BaseCheckpoint.open(Checkout.path("golden/tiny/model"))
      #expect(files.count == base.tensors.count + 1)
      try checkModel(folder)
    }
  }

  /// A folder with both forms would be refused by readers.
  @Test func theOtherFormIsRemoved() throws {
    try withTemporaryDirectory { (folder) throws in
      _ = try write(folder, shardBytes: 20_000)
      _ = try write(folder, shardBytes: 1 << 20)
      try checkModel(folder)
      _ = try write(folder, shardBytes: 20_000)
      try checkModel(folder)
    }
  }

  /// Names of shards have five digits.
  @Test func shardsHaveALimit() throws {
    var writer = ShardedWriter(shardBytes: 4)
    for index in 0..<100_000 {
      try writer.add("\(index)", dtype: .f32, shape: [1]) { [1] }
    }
    try withTemporaryDirectory { (folder) throws in
      let many = writer
      let found = fault { () throws(Fault) in try many.write(to: folder) }
      #expect(found?.code == "ST-WRITE" && found?.exitCode == 69 && found?.path == folder)
      #expect(try Paths.entries(of: folder).isEmpty)
    }
  }

  @Test func namesDoNotRepeat() throws {
    var writer = ShardedWriter(shardBytes: 4)
    try writer.add("a", dtype: .f32, shape: [1]) { [1] }
    for (name, shape) in [("a", [1]), ("b", [Int.max]), ("b", [-1])] {
      let found = fault { () throws(Fault) in
        try writer.add(name, dtype: .f32, shape: shape) { [1] }
      }
      #expect(found?.code == "ST-WRITE")
    }
  }
}
