internal import Faults
internal import Files
internal import JSON

/// `model.safetensors.index.json`: which shard holds which tensor (`formats/hf.md` §2).
struct ShardIndex: Sendable {
  /// What indices are called.
  static let fileName = "model.safetensors.index.json"
  /// The path of the index.
  let path: String
  /// Shard names, in the order of their bytes.
  let shards: [String]
  /// Shard of each tensor.
  private let shardOfTensor: [UTF8Key: String]

  private static let byteLimit = 64 << 20

  /// Reads and checks an index; nothing that it names is opened.
  ///
  /// - Throws: 65 `IDX-JSON` for a damaged index, 65 `PATH` for a shard name that is not a plain file
  ///   name ending in `.safetensors`.
  init(_ path: String) throws(Fault) {
    self.path = path
    let bytes = try InputFile(path).readAll(limit: Self.byteLimit)
    let json: JSONValue
    do throws(Fault) {
      json = try JSONValue.parse(bytes)
    } catch {
      throw Fault(error.kind, "IDX-JSON", "\(error.reason) (\(error.code))", path: path)
    }
    guard let map = json["weight_map"]?.objectValue, !map.isEmpty else {
      throw Fault(.badData, "IDX-JSON", "weight_map must be an object with tensors", path: path)
    }
    var shardOfTensor: [UTF8Key: String] = Dictionary(minimumCapacity: map.count)
    var shards = Set<UTF8Key>()
    for member in map.members {
      guard let shard = member.value.stringValue else {
        throw Fault(
          .badData, "IDX-JSON", "the shard name must be a string", path: path, tensor: member.key)
      }
      guard Paths.isPlainFileName(shard), shard.utf8.suffix(12).elementsEqual(".safetensors".utf8)
      else {
        throw Fault(
          .badData, "PATH", "shard name must be a plain file name, found \"\(shard)\"", path: path,
          tensor: member.key)
      }
      shardOfTensor[UTF8Key(member.key)] = shard
      shards.insert(UTF8Key(shard))
    }
    self.shardOfTensor = shardOfTensor
    self.shards = shards.sorted().map(\.string)
  }

  /// Checks that the shards hold exactly the tensors that the index puts there.
  ///
  /// - Throws: 65 `IDX-DUP` for a tensor in two shards, 65 `IDX` for any other difference.
  func check(_ files: [SafeTensorsFile]) throws(Fault) {
    var seen = Set<UTF8Key>()
    for (shard, file) in zip(shards, files) {
      for tensor in file.tensors {
        guard seen.insert(UTF8Key(tensor.name)).inserted else {
          throw Fault(
            .badData, "IDX-DUP", "the tensor is in two shards", path: file.path,
            tensor: tensor.name)
        }
        guard let mapped = shardOfTensor[UTF8Key(tensor.name)] else {
          throw Fault(
            .badData, "IDX", "the index does not list the tensor", path: file.path,
            tensor: tensor.name)
        }
        guard UTF8Key.equalBytes(mapped, shard) else {
          throw Fault(
            .badData, "IDX", "the index puts the tensor into \(mapped)", path: file.path,
            tensor: tensor.name)
        }
      }
    }
    // The first in byte order, so that the message does not depend on hashing.
    let absent = shardOfTensor.keys.filter { !seen.contains($0) }.min()
    guard let absent, let shard = shardOfTensor[absent] else { return }
    throw Fault(
      .badData, "IDX", "the index puts the tensor into \(shard), which does not hold it",
      path: path, tensor: absent.string)
  }
}
