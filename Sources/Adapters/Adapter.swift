public import Faults
public import Files

/// A LoRA adapter read completely: every tensor is part of an update or a reason to refuse.
public struct Adapter: Sendable {
  /// Name of the directory, or of the file without extension.
  public let name: String
  /// The path as given.
  public let path: String
  /// The dialect, `peft`.
  public let format: String
  /// Size of the weights file as shipped.
  public let byteCount: Int
  /// SHA-256 of the weights file.
  public let digest: SHA256Digest
  /// SHA-256 of the configuration file, which decides scaling and shapes of updates.
  public let configurationDigest: SHA256Digest
  /// What the configuration says.
  public let configuration: PEFTConfiguration
  /// The updates: by layer, then q, k, v, o, gate, up, down.
  public let updates: [LowRankUpdate]
  /// What people should know although the adapter was read.
  public let warnings: [String]

  /// SHA-256 over both files' digests: two adapters with the same one make the same updates.
  public var identity: SHA256Digest { SHA256Digest.of(digest.bytes + configurationDigest.bytes) }

  /// The base that the configuration names; never opened.
  public var baseModelName: String? { configuration.baseModelName }

  /// Numbers in all factors.
  public var parameterCount: Int { updates.reduce(0) { $0 + $1.parameterCount } }

  /// The largest rank of any update.
  public var rank: Int { updates.map(\.rank).max() ?? 0 }

  /// Reads an adapter: a directory with `adapter_config.json` and `adapter_model.safetensors`, or the
  /// latter file with the former beside it.
  ///
  /// - Throws: 66 when a file is missing; 69 `AD-…` naming the field, tensor or format that is not
  ///   supported; 65 `AD-…`, `ST-…`, `VAL-…` for damage (`formats/peft.md` §6).
  public static func open(_ path: String) throws(Fault) -> Adapter {
    try PEFTReader.read(path)
  }
}
