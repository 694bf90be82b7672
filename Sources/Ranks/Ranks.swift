public import Faults
import Synchronization

/// The processes that do one job together, seen from one of them.
///
/// All run the same program on the same inputs and meet in exchanges, in the same order. Whatever decides what comes next
/// must be the same for all: results of exchanges, inputs, options, but no time and no file that another rank writes.
public struct Ranks: Sendable {
  /// A job of one process.
  public static let one = Ranks(link: nil, places: [])

  private let link: (any RankLink)?
  private let places: [RankPlace]
  private let history = History()

  /// What has gone wrong so far.
  private final class History: Sendable {
    /// The fault that all ranks have heard of.
    let known = Mutex<Fault?>(nil)
    /// Whether the link has failed: nothing more can be said to anybody.
    let isBroken = Mutex(false)
  }

  private init(link: (any RankLink)?, places: [RankPlace]) {
    self.link = link
    self.places = places
  }

  /// The processes that `link` joins, of which this one is at `place`.
  ///
  /// - Throws: what the link throws.
  public static func joined(by link: any RankLink, at place: RankPlace) throws(Fault) -> Ranks {
    guard link.count > 1 else { return .one }
    var mine = RankBytes()
    mine.write([place.host, place.cores])
    let places = try link.allGather(mine.bytes).map { (bytes) throws(Fault) in
      var bytes = RankBytes(bytes)
      let texts: [String] = try bytes.read()
      guard texts.count == 2 else {
        throw Fault(.internalError, "RANK-MESSAGE", "\(texts.count) texts of a place")
      }
      return RankPlace(host: texts[0], cores: texts[1])
    }
    return Ranks(link: link, places: places)
  }

  /// Which of them this one is, from 0.
  public var rank: Int { link?.rank ?? 0 }
  /// How many there are.
  public var count: Int { link?.count ?? 1 }
  /// Whether this is the one that writes and prints.
  public var isFirst: Bool { rank == 0 }

  /// How many of them run on this machine.
  public var countOnHost: Int { max(1, places.count { $0.host == places[rank].host }) }
  /// How many of them share this one's cores.
  public var countOnCores: Int { max(1, places.count { $0 == places[rank] }) }

  // MARK: - Work

  /// A result for every index in `0..<count`, computed by the rank `index mod ranks`; all ranks get all of them, in order.
  ///
  /// - Parameter body: The results of the indices `mine`, in their order.
  /// - Throws: What `body` throws on any rank, on every rank; of several ranks the lowest.
  package func share<Value: RankValue>(
    _ count: Int, _ body: (_ mine: [Int]) throws(Fault) -> [Value]
  ) throws(Fault) -> [Value] {
    guard self.count > 1 else { return try body(Array(0..<count)) }
    func indices(_ rank: Int) -> [Int] {
      Array(stride(from: rank, to: count, by: self.count))
    }
    let parts = try exchange("\(count) items") { () throws(Fault) in
      var bytes = RankBytes()
      for value in try body(indices(rank)) { bytes.write(value) }
      return bytes.bytes
    }
    var values = [Value?](repeating: nil, count: count)
    for (rank, part) in parts.enumerated() {
      var bytes = RankBytes(part)
      for index in indices(rank) { values[index] = try bytes.read(Value.self) }
      try bytes.checkEnd()
    }
    return values.compactMap(\.self)
  }

  /// What the first rank computes, for all of them.
  ///
  /// - Throws: What `body` throws there, on every rank.
  package func first<Value: RankValue>(_ body: () throws(Fault) -> Value) throws(Fault) -> Value {
    guard count > 1 else { return try body() }
    let parts = try exchange("the first rank's word") { () throws(Fault) in
      var bytes = RankBytes()
      if isFirst { bytes.write(try body()) }
      return bytes.bytes
    }
    var bytes = RankBytes(parts[0])
    return try bytes.read()
  }

  /// Ends the job where ranks differ in a value that they must have in common; `values` are names and texts or digests.
  ///
  /// - Throws: 65 `RANK-DIFFERS`, on every rank.
  public func agree(_ values: () throws(Fault) -> [(name: String, value: String)]) throws(Fault) {
    guard count > 1 else { return }
    var names: [String] = []
    let parts = try exchange("what must be the same") { () throws(Fault) in
      let values = try values()
      names = values.map(\.name)
      var bytes = RankBytes()
      bytes.write(values.map(\.value))
      return bytes.bytes
    }
    var found: [[String]] = []
    for part in parts {
      var bytes = RankBytes(part)
      found.append(try bytes.read())
    }
    for (index, name) in names.enumerated() {
      for (rank, other) in found.enumerated()
      where index >= other.count || other[index] != found[0][index] {
        let texts = [0, rank].map { index < found[$0].count ? found[$0][index] : "" }
        let isShort = texts.allSatisfy { $0.utf8.count <= 40 }
        throw Fault(
          .badData, "RANK-DIFFERS",
          "\(named(rank)) and \(named(0)) differ in \(name)"
            + (isShort ? ": \(texts[1]), \(texts[0])" : ""))
      }
    }
  }

  // MARK: - The end

  /// Runs `body` and returns when all ranks have ended: with the fault that one of them ended with, nil for none.
  ///
  /// - Throws: What the link throws: the others cannot be told.
  public func untilAllEnd(_ body: () throws(Fault) -> Void) throws(Fault) -> Fault? {
    var message = RankMessage.ended
    do throws(Fault) {
      try body()
    } catch {
      guard count > 1 else { return error }
      if history.isBroken.withLock({ $0 }) { throw error }
      message = .failed(error, isKnown: history.known.withLock { $0 == error })
    }
    guard count > 1 else { return nil }
    while true {
      let answers = try gather(message.bytes(.ending))
      // One that still works has just been told, and comes here too.
      guard answers.allSatisfy({ $0.stage == .ending }) else { continue }
      return fault(in: answers.map(\.message))
    }
  }

  /// Every rank's part of what `what` names.
  private func exchange(
    _ what: String, _ part: () throws(Fault) -> [UInt8]
  ) throws(Fault) -> [[UInt8]] {
    let message: RankMessage
    do throws(Fault) {
      message = .part(what, try part())
    } catch {
      message = .failed(error, isKnown: false)
    }
    let answers = try gather(message.bytes(.working)).map(\.message)
    if let fault = fault(in: answers) ?? disorder(in: answers) {
      history.known.withLock { $0 = fault }
      throw fault
    }
    return answers.map { answer in
      guard case .part(_, let part) = answer else { return [] }
      return part
    }
  }

  /// That ranks are not at the same place of the work: a broken invariant.
  private func disorder(in answers: [RankMessage]) -> Fault? {
    let stands = answers.map { answer in
      guard case .part(let what, _) = answer else { return "the end" }
      return what
    }
    guard let rank = stands.firstIndex(where: { $0 != stands[0] }) else { return nil }
    return Fault(
      .internalError, "RANK-ORDER",
      "\(named(rank)) is at \(stands[rank]), \(named(0)) at \(stands[0])")
  }

  private func gather(
    _ bytes: [UInt8]
  ) throws(Fault) -> [(message: RankMessage, stage: RankMessage.Stage)] {
    guard let link else { return [try RankMessage.read(bytes)] }
    do throws(Fault) {
      return try link.allGather(bytes).map(RankMessage.read)
    } catch {
      history.isBroken.withLock { $0 = true }
      throw error
    }
  }

  /// The fault of the lowest rank that has one, with where it was unless all have the same.
  private func fault(in answers: [RankMessage]) -> Fault? {
    let faults = answers.map { (answer) -> (fault: Fault, isKnown: Bool)? in
      guard case .failed(let fault, let isKnown) = answer else { return nil }
      return (fault, isKnown)
    }
    guard let rank = faults.firstIndex(where: { $0 != nil }), let (fault, isKnown) = faults[rank]
    else { return nil }
    if isKnown || faults.allSatisfy({ $0?.fault == fault }) { return fault }
    var located = fault
    located.reason = "on \(named(rank)): \(fault.reason)"
    return located
  }

  private func named(_ rank: Int) -> String { "rank \(rank) (\(places[rank].host))" }
}
