import Bases
import Pipeline
import Recipes
import Testing

/// Which sizes a job tries, and in which order.
@Suite struct JobSizeTests {
  private func extents(_ target: Recipe.Target) -> [JobSize.Extent] {
    JobSize.all(of: target, rank: 8).map(\.extent)
  }

  @Test func whatIsAskedForIsOneSize() {
    #expect(extents(.own) == [.rank(8)])
    #expect(
      extents(.rank(LatentRank(output: 32, input: 4))) == [.rank(.init(output: 32, input: 4))])
    #expect(extents(.budget(bytes: 9000)) == [.bytes(9000)])
    for target in [Recipe.Target.own, .rank(4), .budget(bytes: 9000)] {
      #expect(JobSize.all(of: target, rank: 8).map(\.suffix) == [""])
    }
  }

  /// Parts of a budget grow, and each has a checkpoint of its own.
  @Test func aMinimumTriesPartsOfABudget() {
    let sizes = JobSize.all(of: .budget(bytes: 8000, minRetained: 0.9), rank: 8)
    #expect(sizes.map(\.extent) == [.part(1000), .part(2000), .part(4000), .part(8000)])
    #expect(sizes.map(\.bytes) == [1000, 2000, 4000, 8000])
    #expect(sizes.map(\.suffix) == [".1000", ".2000", ".4000", ".8000"])
    #expect(sizes[0].name == "1000 bytes")
  }

  @Test func aMinimumRaisesRanks() throws {
    let sizes = JobSize.all(of: .minRetained(0.9, startingRank: 16), rank: 8)
    let ranks = sizes.compactMap { size -> Int? in
      if case .rank(let rank) = size.extent { rank.square } else { nil }
    }
    #expect(ranks.count == sizes.count && ranks.first == 16 && ranks == ranks.sorted())
    #expect(ranks.last ?? 0 <= 64 && Set(ranks).count == ranks.count)
    #expect(sizes.allSatisfy { $0.bytes == nil })
    #expect(Set(sizes.map(\.suffix)).count == sizes.count)
    // One that is beyond what is tried is tried all the same.
    #expect(JobSize.all(of: .minRetained(0.9, startingRank: 100), rank: 8).count == 1)
  }
}
