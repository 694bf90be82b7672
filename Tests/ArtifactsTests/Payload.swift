import Artifacts
import Checkpoints
import Compression
import JSON
import Tensors
import Testing

/// A small artifact's payload taken apart, to be put together again with one defect.
struct Payload {
  struct Tensor {
    var dtype: DType
    var shape: [Int]
    var bytes: [UInt8]
  }

  var metadata: JSONObject
  var tensors: [String: Tensor] = [:]
  /// Replacements in the container's own metadata; nil removes.
  var container: [String: String?] = [:]

  init(storage: LatentStorage = .int8) throws {
    try self.init(try SyntheticArtifact.make(layers: 1, rank: 2, storage: storage))
  }

  init(_ artifact: Artifact) throws {
    let file = try SafeTensorsFile(
      bytes: try Zstd.decompress(try artifact.bytes(), limit: 1 << 24))
    let text = try #require(file.metadata["xspress"]?.stringValue)
    metadata = try #require(try JSONValue.parse(text).objectValue)
    for info in file.tensors {
      let dtype = try #require(DType(rawValue: info.dtypeName))
      tensors[info.name] = Tensor(
        dtype: dtype, shape: info.shape, bytes: try file.bytes(of: info))
    }
  }

  func bytes() throws -> [UInt8] {
    var pairs: [(key: String, value: String)] = []
    for (key, value) in [
      ("format", "loraxs"), ("version", "1"), ("xspress", JSONValue.object(metadata).text()),
    ] {
      if let replacement = container[key] ?? .some(value) { pairs.append((key, replacement)) }
    }
    var writer = SafeTensorsWriter(metadata: pairs)
    for (name, tensor) in tensors {
      try writer.add(name, dtype: tensor.dtype, shape: tensor.shape, bytes: tensor.bytes)
    }
    return try Zstd.compress(try writer.bytes(), level: 3)
  }
}
