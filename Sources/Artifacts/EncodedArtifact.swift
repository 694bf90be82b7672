import Checkpoints
import Compression
public import Faults

/// An artifact as a file in memory, with what a loader finds in it.
public struct EncodedArtifact: Sendable {
  /// The bytes of the file; the same artifact gives the same bytes.
  public let bytes: [UInt8]
  /// The artifact that was read back from them.
  public let decoded: Artifact
  private let content: [UInt8]
  private let file: SafeTensorsFile

  /// Encodes an artifact and reads it back.
  ///
  /// - Throws: 70 `ART-…` when the parts contradict each other: all checks of a reader are run on the result, so that
  ///   nothing is written that cannot be read.
  public init(_ artifact: Artifact) throws(Fault) {
    let normal = try Artifact(
      modules: artifact.modules, metadata: artifact.metadata, carried: artifact.carried)
    content = try ArtifactEncoder(normal).content()
    do throws(Fault) {
      file = try SafeTensorsFile(bytes: content)
      bytes = try EncodedArtifact.frame(content, file: file)
      decoded = try Artifact(bytes: bytes)
      guard decoded.modules == normal.modules, decoded.carried == normal.carried,
        try ArtifactEncoder(decoded).content() == content
      else {
        throw Fault(.internalError, "ART-WRITE", "what was encoded decodes to something else")
      }
    } catch {
      guard error.kind != .resources else { throw error }
      throw Fault(.internalError, error.code, error.reason, tensor: error.tensor)
    }
  }

  /// The smaller of two frames: in blocks as they come, and with a block of its own for every tensor.
  private static func frame(_ content: [UInt8], file: SafeTensorsFile) throws(Fault) -> [UInt8] {
    let whole = try Zstd.compress(content)
    let parts = try Zstd.compress(content, boundaries: file.tensors.map(\.byteOffset).sorted())
    return parts.count < whole.count ? parts : whole
  }

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
