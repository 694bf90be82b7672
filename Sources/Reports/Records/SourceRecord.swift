/// An input of a job: the base model or the adapter.
public struct SourceRecord: Hashable, Sendable {
  /// A short name for people.
  public var name: String
  /// The path as given.
  public var path: String
  /// What it is: `gguf`, `hf`, `peft`.
  public var format: String
  /// Bytes on disk.
  public var bytes: Int
  /// SHA-256 of the file, or the root digest of its weights, hex.
  public var sha256: String?
  /// Anything else a reader should see: architecture, rank, parameter count, data type.
  public var details: [Setting]

  /// Creates a record.
  public init(
    name: String, path: String, format: String, bytes: Int, sha256: String? = nil,
    details: [Setting] = []
  ) {
    self.name = name
    self.path = path
    self.format = format
    self.bytes = bytes
    self.sha256 = sha256
    self.details = details
  }
}
