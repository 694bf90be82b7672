public import Files

/// What a run may use.
public struct FleetResources: Sendable {
  /// Folder of caches.
  public var cacheDirectory: String?
  /// Bytes that all caches may take.
  public var cacheLimit: Int
  /// Folder for scratch files; nil for the run itself.
  public var scratch: String?
  /// An earlier run whose artifacts are taken over where nothing changed.
  public var since: String?
  /// Threads.
  public var threads: Int
  /// Memory in bytes; nil where nothing says what there is.
  public var memory: Int?

  /// Resources.
  public init(
    cacheDirectory: String?, cacheLimit: Int = CacheDirectory.defaultByteLimit,
    scratch: String? = nil, since: String? = nil, threads: Int, memory: Int?
  ) {
    self.cacheDirectory = cacheDirectory
    self.cacheLimit = cacheLimit
    self.scratch = scratch
    self.since = since
    self.threads = threads
    self.memory = memory
  }
}
