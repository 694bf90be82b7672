import Checkpoints
import Compression
public import Faults
public import Files
import JSON

/// An adapter compressed to its latents: one zstd frame around a safetensors file
/// (`formats/loraxs.md`).
public struct Artifact: Sendable, Hashable {
  /// The modules in module order.
  public var modules: [ArtifactModule]
  /// Everything else.
  public var metadata: ArtifactMetadata
  /// Parameters that change otherwise than by latents, in the order in which they are applied.
  public var carried: [CarriedParameter]

  /// An artifact; modules may be in any order.
  ///
  /// - Throws: 65 `NAME-INDEX` for a layer number out of range.
  public init(
    modules: [ArtifactModule], metadata: ArtifactMetadata, carried: [CarriedParameter] = []
  ) throws(Fault) {
    self.carried = carried
    var places: [(order: ModuleOrder, module: ArtifactModule)] = []
    for module in modules { places.append((try ModuleOrder(module.moduleName), module)) }
    self.modules = places.sorted { $0.order < $1.order }.map(\.module)
    self.metadata = metadata
    if metadata.directions != .selected {
      // Both sides have the same directions, so one list of values is stored.
      for place in self.modules.indices {
        self.modules[place].inputSingularValues = self.modules[place].outputSingularValues
      }
    }
  }

  /// Numbers in all latents, without those of a residual.
  public var parameterCount: Int {
    modules.reduce(0) { $0 + $1.stored.rows * $1.stored.columns }
  }

  /// The largest file, and the largest content, that is read.
  static let fileLimit = 1 << 30
  static let contentLimit = 2 << 30
  /// The largest content of a small file; a larger one holds at most ``expansionLimit`` bytes for each of its own.
  static let smallContentLimit = 256 << 20
  static let expansionLimit = 64

  /// Reads and checks a file completely.
  ///
  /// - Parameter memory: Bytes that the content and what is made of it may take; nil for no budget.
  /// - Throws: 66 when it is missing; 65 `ART-…` naming the damage; 69 `ART-VERSION` when a newer
  ///   version made it; 69 `FILE-FORMAT` when it is something else; 71 `MEM-BUDGET`.
  public static func read(_ path: String, memory: Int? = nil) throws(Fault) -> Artifact {
    do throws(Fault) {
      let file = try InputFile(path)
      let bytes = try file.readAll(limit: fileLimit)
      try file.checkUnchanged()
      return try Artifact(bytes: bytes, memory: memory)
    } catch {
      throw error.at(path: path)
    }
  }

  /// Decodes the bytes of a file; throws as ``read(_:memory:)``.
  public init(bytes: [UInt8], memory: Int? = nil) throws(Fault) {
    if let signature = FileSignature(bytes), signature != .zstd {
      throw signature.refusal(path: nil)
    }
    try Artifact.checkBeforeDecoding(bytes, memory: memory)
    let content = try Zstd.decompress(bytes, limit: Artifact.contentLimit)
    self = try ArtifactDecoder(try SafeTensorsFile(bytes: content)).artifact()
  }

  /// A few bytes can be gigabytes of content: the size declared is compared with the file and the budget, and the
  /// header, which must account for all of it, is decoded alone before the rest is.
  private static func checkBeforeDecoding(_ bytes: [UInt8], memory: Int?) throws(Fault) {
    let limit = min(contentLimit, max(smallContentLimit, bytes.count * expansionLimit))
    let byteCount = try Zstd.contentByteCount(of: bytes, limit: limit)
    // The content, and its codes taken out of it.
    if let memory, byteCount > memory / 2 {
      throw Fault(
        .resources, "MEM-BUDGET",
        "the content of \(byteCount) bytes needs \(2 * byteCount), the budget is \(memory)")
    }
    let prefix = try Zstd.prefix(of: bytes, count: 8)
    let end = try SafeTensorsFile.headerEnd(prefix: prefix, fileByteCount: byteCount)
    let header = try Zstd.prefix(of: bytes, count: end)
    let metadata = try SafeTensorsFile.metadata(ofHeader: header, fileByteCount: byteCount)
    guard metadata["format"]?.stringValue == ArtifactNames.format else {
      throw Fault(.badData, "ART-META", "payload is not marked as loraxs")
    }
  }

  /// The bytes of the file; throws as ``EncodedArtifact``.
  public func bytes() throws(Fault) -> [UInt8] { try EncodedArtifact(self).bytes }

  /// Writes the file atomically.
  @discardableResult
  public func write(_ path: String) throws(Fault) -> AtomicFile.Written {
    try AtomicFile.write(path, bytes: try bytes())
  }
}
