public import Faults
import Foundation
public import Ranks

/// Ranks that are threads of this process.
public enum LinkedRanks {
  /// Runs `body` as each of `count` ranks at once; what each came to, by rank.
  ///
  /// - Parameter places: Where they pretend to run; nil for one host of their own each.
  public static func run<Result: Sendable>(
    _ count: Int, at places: [RankPlace]? = nil,
    _ body: @escaping @Sendable (Ranks) throws(Fault) -> Result
  ) -> [Swift.Result<Result, Fault>] {
    let meeting = Meeting(count: count)
    let results = Results<Swift.Result<Result, Fault>>(count: count)
    for rank in 0..<count {
      let place = places?[rank] ?? RankPlace(host: "host\(rank)", cores: "f")
      let thread = Thread {
        results.set(
          rank,
          .init { () throws(Fault) in
            try body(try Ranks.joined(by: Seat(rank: rank, meeting: meeting), at: place))
          })
      }
      thread.stackSize = 8 << 20
      thread.start()
    }
    return results.all()
  }

  private struct Seat: RankLink {
    let rank: Int
    let meeting: Meeting
    var count: Int { meeting.count }

    func allGather(_ bytes: [UInt8]) throws(Fault) -> [[UInt8]] { meeting.meet(rank, bytes) }
  }

  /// Where all bring something and go when all have come.
  private final class Meeting: @unchecked Sendable {
    let count: Int
    private let condition = NSCondition()
    private var brought: [[UInt8]?]
    private var result: [[UInt8]] = []
    private var number = 0

    init(count: Int) {
      self.count = count
      brought = Array(repeating: nil, count: count)
    }

    func meet(_ rank: Int, _ bytes: [UInt8]) -> [[UInt8]] {
      condition.lock()
      defer { condition.unlock() }
      brought[rank] = bytes
      if brought.allSatisfy({ $0 != nil }) {
        result = brought.compactMap(\.self)
        brought = Array(repeating: nil, count: count)
        number += 1
        condition.broadcast()
        return result
      }
      let own = number
      while number == own { condition.wait() }
      return result
    }
  }

  private final class Results<Value>: @unchecked Sendable {
    private let condition = NSCondition()
    private var values: [Value?]

    init(count: Int) { values = Array(repeating: nil, count: count) }

    func set(_ rank: Int, _ value: Value) {
      condition.lock()
      values[rank] = value
      condition.broadcast()
      condition.unlock()
    }

    func all() -> [Value] {
      condition.lock()
      defer { condition.unlock() }
      while values.contains(where: { $0 == nil }) { condition.wait() }
      return values.compactMap(\.self)
    }
  }
}
