public import Faults

/// How artifacts are exported.
public struct ExportOptions: Sendable {
  /// What is written.
  public let target: ExportTarget
  /// The element type of what is written.
  public let type: ExportType
  /// Bytes of tensors in one file of a merged model.
  public let shardBytes: Int
  /// Where `merged` starts another file when nothing else is asked for, 5 GB.
  public static let defaultShardBytes = 5_000_000_000

  /// Options; `type` and `shardBytes` are those of the target where nil.
  ///
  /// - Throws: 64 `USAGE` for options that the target does not have.
  public init(
    target: ExportTarget, type: ExportType? = nil, shardBytes: Int? = nil
  ) throws(Fault) {
    let type = type ?? target.defaultType
    guard type != .q8_0 || target == .mergedGGUF else {
      throw Fault(.usage, "USAGE", "--dtype q8_0 is for --to merged-gguf only")
    }
    guard shardBytes == nil || target == .merged else {
      throw Fault(.usage, "USAGE", "--shard-size is for --to merged only")
    }
    self.target = target
    self.type = type
    self.shardBytes = shardBytes ?? Self.defaultShardBytes
  }
}
