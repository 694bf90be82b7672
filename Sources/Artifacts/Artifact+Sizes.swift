import Checkpoints
import Compression
public import Faults

extension Artifact {
  /// What one part of the file costs.
  public struct PartSize: Sendable, Hashable {
    /// Tensor name, or `header`.
    public let name: String
    /// Bytes before compression.
    public let byteCount: Int
    /// Bytes when compressed alone; the whole file is a little smaller than the sum.
    public let compressedByteCount: Int
  }

  /// The parts of the file with their sizes, the header last.
  public func partSizes() throws(Fault) -> [PartSize] {
    let content = try ArtifactEncoder(self).content()
    let file = try SafeTensorsFile(bytes: content)
    var parts: [PartSize] = []
    for tensor in file.tensors {
      let bytes = try file.bytes(of: tensor)
      parts.append(
        PartSize(
          name: tensor.name, byteCount: bytes.count,
          compressedByteCount: try Zstd.compress(bytes).count))
    }
    let header = Array(content.prefix(content.count - parts.reduce(0) { $0 + $1.byteCount }))
    parts.append(
      PartSize(
        name: "header", byteCount: header.count,
        compressedByteCount: try Zstd.compress(header).count))
    return parts
  }
}
