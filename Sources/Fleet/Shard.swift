public import Faults

/// One of several parts of a run, counted from 0.
public struct Shard: Sendable, Hashable, LosslessStringConvertible {
  /// Which.
  public let index: Int
  /// Of how many.
  public let count: Int

  /// Everything.
  public static let whole = Shard(0, of: 1)

  private init(_ index: Int, of count: Int) {
    self.index = index
    self.count = count
  }

  /// `3/8`: the fourth of eight; nil for anything else.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let index = Shard.number(parts[0]), let count = Shard.number(parts[1]),
      index < count
    else { return nil }
    self.init(index, of: count)
  }

  /// `3/8`.
  public var description: String { "\(index)/\(count)" }

  /// The part that an array element of an engine is, from its environment; nil outside of one.
  ///
  /// Slurm, SGE and PBS count from where the array begins, and say so; Kubernetes counts from 0 and does not say how many
  /// there are.
  ///
  /// - Parameter count: How many parts there are, where that was given.
  /// - Throws: 64 `SHARD` for an index out of range, or where nothing says how many there are.
  public static func ofEngine(
    _ environment: [String: String], count: Int? = nil
  ) throws(Fault) -> Shard? {
    for engine in engines {
      // SGE sets its variable to "undefined" outside of arrays.
      guard let text = environment[engine.index], let index = number(Substring(text)) else {
        continue
      }
      func value(_ name: String?) -> Int? {
        name.flatMap { environment[$0] }.flatMap { number(Substring($0)) }
      }
      let start = value(engine.first) ?? engine.origin
      let span = value(engine.last).map { $0 < start ? 0 : $0 - start }.map { min($0, most) + 1 }
      guard let count = count ?? span else {
        throw Fault(
          .usage, "SHARD", "\(engine.index) is \(index), but of how many? Give --shard or --shards")
      }
      // Of a part of an array, or of one in steps, nothing says where the whole began.
      let elements = value(engine.elements) ?? span ?? count
      guard span ?? count == count, elements == count else {
        throw Fault(
          .usage, "SHARD",
          "\(engine.index) is \(index) of \(elements) elements from \(start) on, which are not \(count) parts in turn; give --shard"
        )
      }
      guard count > 0, index >= start, index - start < count else {
        throw Fault(
          .usage, "SHARD", "\(engine.index) is \(index): not one of \(count) from \(start)")
      }
      return Shard(index - start, of: count)
    }
    return nil
  }

  /// Variables of an engine: the index, the first and the last one of the array, how many there are, and where arrays begin.
  private struct Engine {
    var index: String
    var first: String?
    var last: String?
    var elements: String?
    var origin: Int
  }

  /// More parts than any run has.
  private static let most = 1 << 40

  private static let engines = [
    Engine(
      index: "SLURM_ARRAY_TASK_ID", first: "SLURM_ARRAY_TASK_MIN", last: "SLURM_ARRAY_TASK_MAX",
      elements: "SLURM_ARRAY_TASK_COUNT", origin: 0),
    Engine(index: "JOB_COMPLETION_INDEX", first: nil, last: nil, origin: 0),
    Engine(index: "PBS_ARRAY_INDEX", first: nil, last: nil, origin: 0),
    Engine(index: "SGE_TASK_ID", first: "SGE_TASK_FIRST", last: "SGE_TASK_LAST", origin: 1),
  ]

  private static func number(_ text: Substring) -> Int? {
    text.utf8.allSatisfy { (48...57).contains($0) } ? Int(text) : nil
  }
}

extension Shard {
  /// The parts of `costs`, given in the order in which jobs should stay together: runs of about equal cost.
  ///
  /// Every job is in exactly one part: the one in which the middle of its cost lies.
  func places(of costs: [Int]) -> [Int] {
    // A job without bytes to read still takes its time.
    let costs = costs.map { Double(max($0, 1)) }
    let total = costs.reduce(0, +)
    var before = 0.0
    return costs.indices.filter { place in
      let middle = before + costs[place] / 2
      before += costs[place]
      return min(Int(middle / total * Double(count)), count - 1) == index
    }
  }
}
