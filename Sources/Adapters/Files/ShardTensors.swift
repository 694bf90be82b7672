import Checkpoints
import Faults
import JSON

/// Safetensors shards as one source of tensors.
struct ShardTensors: TensorSource {
  private let files: [SafeTensorsFile]
  private let owners: [UTF8Key: Int]
  let tensors: [TensorInfo]
  /// That of the first shard.
  var metadata: JSONObject { files.first?.metadata ?? JSONObject() }

  /// - Parameter files: Shards whose tensors have different names.
  init(_ files: [SafeTensorsFile]) {
    self.files = files
    tensors = files.flatMap(\.tensors)
    var owners: [UTF8Key: Int] = [:]
    for (index, file) in files.enumerated() {
      for tensor in file.tensors { owners[UTF8Key(tensor.name)] = index }
    }
    self.owners = owners
  }

  func values(of tensor: TensorInfo) throws(Fault) -> [Float] {
    guard let owner = owners[UTF8Key(tensor.name)] else {
      throw Fault(.badData, "ST-MISSING", "tensor is missing", tensor: tensor.name)
    }
    return try files[owner].floats(of: tensor)
  }
}
