import Faults
import Ranks
import TestSupport
import Testing

/// What several processes do together, by threads that stand for them.
@Suite struct RanksTests {
  @Test(arguments: [1, 2, 3, 5])
  func sharesAreInOrder(_ count: Int) throws {
    let found = LinkedRanks.run(count) { (ranks) throws(Fault) in
      try ranks.share(7) { (mine) throws(Fault) in
        #expect(mine.allSatisfy { $0 % count == ranks.rank })
        return mine.map { "item \($0)" }
      }
    }
    for result in found { #expect(try result.get() == (0..<7).map { "item \($0)" }) }
  }

  @Test func sharesMayHaveFewerItemsThanRanks() throws {
    let found = LinkedRanks.run(4) { (ranks) throws(Fault) in
      let none = try ranks.share(0) { (mine) throws(Fault) in mine }
      return try none + ranks.share(2) { (mine) throws(Fault) in mine }
    }
    for result in found { #expect(try result.get() == [0, 1]) }
  }

  @Test func theFirstDecidesForAll() throws {
    let found = LinkedRanks.run(3) { (ranks) throws(Fault) in
      let number = try ranks.first { () throws(Fault) in Double(ranks.rank) + 0.5 }
      let nothing = try ranks.first { () throws(Fault) -> Int? in nil }
      #expect(nothing == nil)
      return number
    }
    for result in found { #expect(try result.get() == 0.5) }
  }

  /// Every kind of value comes back as it was sent.
  @Test func valuesComeBack() throws {
    var bytes = RankBytes()
    bytes.write(-3)
    bytes.write(-0.0)
    bytes.write("ä\0b")
    bytes.write([true, false])
    bytes.write(Int?.none)
    bytes.write([Float.infinity, -1.5])
    bytes.write([Float]())
    #expect(try bytes.read(Int.self) == -3)
    #expect(try bytes.read(Double.self).sign == .minus)
    #expect(try bytes.read(String.self) == "ä\0b")
    #expect(try bytes.read([Bool].self) == [true, false])
    #expect(try bytes.read(Int?.self) == nil)
    #expect(try bytes.readNumbers() == [.infinity, -1.5])
    #expect(try bytes.readNumbers().isEmpty)
    #expect(fault { () throws(Fault) in try bytes.read(Int.self) }?.code == "RANK-MESSAGE")
    for count in [-1, 1 << 60, 2] {
      var short = RankBytes()
      short.write(count)
      short.write(true)
      let found = fault { () throws(Fault) in count == 2 ? [] : try short.readNumbers() }
      #expect(found?.code == (count == 2 ? nil : "RANK-MESSAGE"))
    }
  }

  // MARK: - Faults

  private struct End: Sendable, Equatable {
    var thrown: Fault?
    var ended: Fault?
  }

  /// Runs `body` to the end; what was thrown where, and what all ended with.
  private func ends(
    _ count: Int, _ body: @escaping @Sendable (Ranks) throws(Fault) -> Void
  ) throws -> [End] {
    try LinkedRanks.run(count) { (ranks) throws(Fault) in
      var end = End()
      end.ended = try ranks.untilAllEnd { () throws(Fault) in
        do throws(Fault) {
          try body(ranks)
        } catch {
          end.thrown = error
          throw error
        }
      }
      return end
    }.map { try $0.get() }
  }

  @Test func aFaultInASharedPieceIsEverybodys() throws {
    let ends = try ends(3) { (ranks) throws(Fault) in
      _ = try ranks.share(6) { (mine) throws(Fault) in
        if ranks.rank > 0 { throw Fault(.io, "TEST", "reason \(ranks.rank)", path: "p") }
        return mine
      }
    }
    let expected = Fault(.io, "TEST", "on rank 1 (host1): reason 1", path: "p")
    #expect(ends == Array(repeating: End(thrown: expected, ended: expected), count: 3))
  }

  /// A rank that fails alone, while the others go on to what they share.
  @Test func aFaultOutsideIsHeardInTheNextExchange() throws {
    let ends = try ends(3) { (ranks) throws(Fault) in
      if ranks.rank == 2 { throw Fault(.missingInput, "TEST", "gone") }
      _ = try ranks.first { () throws(Fault) in 1 }
      Issue.record("went on")
    }
    let told = Fault(.missingInput, "TEST", "on rank 2 (host2): gone")
    #expect(ends.map(\.ended) == [told, told, told])
    #expect(ends[0].thrown == told && ends[2].thrown?.reason == "gone")
  }

  /// What all come to by themselves is nobody's in particular.
  @Test func aFaultOfAllNamesNoRank() throws {
    let own = Fault(.badData, "TEST", "same")
    #expect(
      try ends(2) { (_) throws(Fault) in throw own }
        == [End(thrown: own, ended: own), End(thrown: own, ended: own)])
  }

  /// One that fails after the last exchange, and one that has ended before its time.
  @Test func nobodyEndsAlone() throws {
    let last = try ends(2) { (ranks) throws(Fault) in
      if ranks.isFirst { throw Fault(.cannotCreate, "TEST", "full") }
    }
    #expect(last.map(\.ended?.reason) == Array(repeating: "on rank 0 (host0): full", count: 2))
    let order = try ends(2) { (ranks) throws(Fault) in
      if !ranks.isFirst { _ = try ranks.first { () throws(Fault) in 1 } }
    }
    #expect(order.map(\.ended?.code) == ["RANK-ORDER", "RANK-ORDER"])
    #expect(try ends(3) { (_) throws(Fault) in } == Array(repeating: End(), count: 3))
  }

  @Test func differencesAreNamed() throws {
    let ends = try ends(3) { (ranks) throws(Fault) in
      try ranks.agree { [("this", "same"), ("that", ranks.rank == 2 ? "b" : "a")] }
    }
    let expected = Fault(
      .badData, "RANK-DIFFERS", "rank 2 (host2) and rank 0 (host0) differ in that: b, a")
    #expect(ends == Array(repeating: End(thrown: expected, ended: expected), count: 3))
  }

  /// A link that breaks leaves nothing to say to anybody.
  @Test func aBrokenLinkEndsAtOnce() throws {
    struct Broken: RankLink {
      var rank: Int { 0 }
      var count: Int { 2 }
      func allGather(_ bytes: [UInt8]) throws(Fault) -> [[UInt8]] {
        guard bytes.count > 40 else { throw Fault(.io, "MPI", "broken") }
        return [bytes, bytes]
      }
    }
    let place = RankPlace(host: String(repeating: "h", count: 40), cores: "f")
    let ranks = try Ranks.joined(by: Broken(), at: place)
    let found = fault { () throws(Fault) in
      _ = try ranks.untilAllEnd { () throws(Fault) in
        _ = try ranks.share(2) { (mine) throws(Fault) in mine }
      }
    }
    #expect(found?.code == "MPI")
  }

  // MARK: - Places

  /// Cores are divided by those that may run on the same ones, memory by those on the same machine.
  @Test func ranksCountTheirNeighbours() throws {
    let places = [("a", "3"), ("a", "c"), ("b", "f"), ("b", "f"), ("b", "f")]
    let found = LinkedRanks.run(5, at: places.map { RankPlace(host: $0.0, cores: $0.1) }) {
      [$0.countOnHost, $0.countOnCores]
    }
    #expect(try found.map { try $0.get() } == [[2, 1], [2, 1], [3, 3], [3, 3], [3, 3]])
    #expect(Ranks.one.countOnHost == 1 && Ranks.one.countOnCores == 1 && Ranks.one.isFirst)
  }
}
