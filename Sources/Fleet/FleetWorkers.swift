/// Who does the work of a run, and with what.
public struct FleetWorkers: Sendable {
  /// Worker processes at once, at most.
  public var count: Int
  /// Threads of all of them.
  public var threads: Int
  /// Bytes for all of them; nil where nothing says what there is.
  public var memory: Int?
  /// An earlier run, whose records say what jobs took.
  public var since: String?
  /// The part of the run that is done.
  public var part: Shard
  /// Seconds that a job may take, or jobs that are done together; nil for no limit.
  public var jobSeconds: Int?
  /// The command line of a worker, by its number.
  public var arguments: @Sendable (Int) -> [String]

  /// Workers.
  public init(
    count: Int, threads: Int, memory: Int?, since: String?, part: Shard, jobSeconds: Int? = nil,
    arguments: @escaping @Sendable (Int) -> [String]
  ) {
    self.count = count
    self.threads = threads
    self.memory = memory
    self.since = since
    self.part = part
    self.jobSeconds = jobSeconds
    self.arguments = arguments
  }

  /// What the adapters of a stacked group may take: more would spare little, since directions are read once a group.
  var groupByteLimit: Int {
    min(384 << 20, memory.map { $0 / max(count, 1) / 4 } ?? 384 << 20)
  }
}
