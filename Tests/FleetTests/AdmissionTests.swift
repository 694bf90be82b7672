import Bases
import Fleet
import Projection
import Recipes
import Testing

/// Who may begin when: by what groups take, what others hold, and how many threads there are.
@Suite struct AdmissionTests {
  private static let gigabyte = 1 << 30

  /// A job on a base that is no file: arithmetic then knows the program and the adapter alone.
  private func group(
    _ name: String, base: String = "b", bytes: Int = 1000, rank: Int = 4, stacked: Bool = false
  )
    -> JobGroup
  {
    JobGroup(
      plans: [
        JobPlan(
          name: name, adapterPath: name, baseName: base, basePath: "/nowhere/" + base,
          recipe: Recipe(target: .rank(LatentRank(rank)), method: .projected))
      ], isStacked: stacked, bytes: bytes)
  }

  private func admission(
    _ groups: [JobGroup], slots: Int, threads: Int = 4, capacity: Int? = nil,
    costs: CostModel = CostModel()
  ) -> Admission {
    Admission(groups, slots: slots, threads: threads, capacity: capacity, costs: costs)
  }

  private func ask(
    _ admission: Admission, _ slot: Int, base: String? = nil, available: Int? = nil,
    resident: [Int: Int] = [:]
  ) -> Admission.Grant? {
    let answer = admission.next(
      slot, base: base, usage: Admission.Usage(available: available, resident: resident))
    if case .grant(let grant) = answer { return grant }
    return nil
  }

  /// Estimates of about a gigabyte and a half each: two do not fit into two gigabytes.
  @Test func noMoreThanTheBudgetHolds() throws {
    let size = Self.gigabyte / 2
    let groups = ["a", "b", "c"].map { group($0, bytes: size) }
    let queue = admission(groups, slots: 3, capacity: 4 * Self.gigabyte)
    let first = try #require(ask(queue, 0))
    #expect(first.estimate > Self.gigabyte && first.estimate < 2 * Self.gigabyte)
    #expect(first.shortage == nil && first.memory ?? 0 >= first.estimate)
    #expect(ask(queue, 1) != nil)
    #expect(ask(queue, 2) == nil)
    queue.finish(0, peak: nil)
    #expect(ask(queue, 2)?.group.plans.first?.name == "c")
  }

  /// What the machine has left counts too: less what those that run will still ask for.
  @Test func noMoreThanTheMachineHas() throws {
    let groups = ["a", "b"].map { group($0, bytes: Self.gigabyte / 2) }
    let queue = admission(groups, slots: 2)
    let first = try #require(ask(queue, 0, available: 8 * Self.gigabyte))
    // The first holds nothing yet: all of its estimate is still to come.
    let tight = first.estimate * 2
    #expect(ask(queue, 1, available: tight, resident: [0: 0]) == nil)
    #expect(ask(queue, 1, available: tight, resident: [0: first.estimate]) != nil)
  }

  /// Nothing is refused for an estimate: it runs alone, and it is said by how much it is too large.
  @Test func whatFitsNowhereRunsAlone() throws {
    let groups = [group("huge", bytes: 8 * Self.gigabyte), group("small")]
    let queue = admission(groups, slots: 2, capacity: Self.gigabyte)
    let huge = try #require(ask(queue, 0))
    #expect(huge.shortage ?? 0 > 8 * Self.gigabyte && huge.memory == Self.gigabyte)
    #expect(ask(queue, 1) == nil)
    queue.finish(0, peak: nil)
    #expect(ask(queue, 1)?.shortage == nil)
  }

  /// A part of the memory may have been too little for what is tried again: it gets all of it.
  @Test func whatIsAloneGetsAllMemory() throws {
    var again = group("again")
    again.isAlone = true
    let queue = admission([again], slots: 4, capacity: 4 * Self.gigabyte)
    let grant = try #require(ask(queue, 0))
    #expect(grant.memory == 4 * Self.gigabyte && grant.isWhole)
    let other = try #require(
      ask(admission([group("a"), group("b")], slots: 2, capacity: 4 * Self.gigabyte), 0))
    #expect(other.memory == 2 * Self.gigabyte && !other.isWhole)
  }

  /// A smaller one further behind goes first where the next does not fit.
  @Test func smallOnesPassLargeOnes() throws {
    let size = Self.gigabyte / 2
    let groups = [group("a", bytes: size), group("b", bytes: size), group("c")]
    let queue = admission(groups, slots: 2, capacity: 5 * Self.gigabyte / 2)
    #expect(ask(queue, 0)?.group.plans.first?.name == "a")
    #expect(ask(queue, 1)?.group.plans.first?.name == "c")
  }

  /// Recorded peaks are believed: of the same jobs as they are, of others on the base as a factor.
  @Test func recordedPeaksCorrectEstimates() {
    var costs = CostModel()
    let (one, other) = (group("a"), group("b", bytes: 400_000_000, rank: 5))
    let (before, otherBefore) = (
      costs.estimate(one, threads: 2), costs.estimate(other, threads: 2)
    )
    costs.observe(one, threads: 2, peak: before * 3)
    #expect(costs.estimate(one, threads: 2) == Int(1.1 * Double(before * 3)))
    // The factor is one of arithmetic, which has half as much again for what it leaves out.
    let factor = Double(costs.estimate(other, threads: 2)) / Double(otherBefore)
    #expect(abs(factor - 3 * 1.1) < 0.01)
    #expect(costs.estimate(group("c", base: "else"), threads: 2) == before)
  }

  @Test func threadsAreDividedAmongThoseThatHaveWork() throws {
    let queue = admission(["a", "b", "c"].map { group($0) }, slots: 2, threads: 7)
    #expect(ask(queue, 0)?.threads == 3)
    #expect(ask(queue, 1)?.threads == 3)
    queue.finish(0, peak: nil)
    #expect(ask(queue, 0)?.threads == 3)
    queue.finish(0, peak: nil)
    queue.finish(1, peak: nil)
    queue.putBack([group("last")])
    #expect(ask(queue, 1)?.threads == 7)
  }

  /// A worker stays with its base while there is work on it.
  @Test func basesStayOpen() throws {
    let groups = [group("a"), group("b", base: "other"), group("c", stacked: true)]
    let queue = admission(groups, slots: 1)
    let first = try #require(ask(queue, 0))
    #expect(first.group.plans.first?.name == "a" && first.hasMore)
    queue.finish(0, peak: nil)
    let second = try #require(ask(queue, 0, base: first.group.base))
    #expect(second.group.plans.first?.name == "c" && !second.hasMore)
  }

  /// What died beside others is tried without them, and they wait for it.
  @Test func whatDiedBesideOthersIsTriedAlone() throws {
    let queue = admission(["a", "b", "c"].map { group($0) }, slots: 2)
    let first = try #require(ask(queue, 0))
    #expect(!queue.isAccompanied(0))
    #expect(ask(queue, 1) != nil)
    #expect(queue.isAccompanied(0) && queue.isAccompanied(1))
    var again = first.group
    again.isAlone = true
    queue.putBack([again])
    queue.finish(0, peak: nil)
    // Beside the other it may not begin; what waits behind it may.
    #expect(ask(queue, 0)?.group.plans.first?.name == "c")
    queue.finish(0, peak: nil)
    #expect(ask(queue, 0) == nil)
    queue.finish(1, peak: nil)
    let alone = try #require(ask(queue, 0))
    #expect(alone.group.isAlone && alone.threads == 4 && !queue.isAccompanied(0))
    queue.finish(0, peak: nil)
    if case .done = queue.next(0, base: nil, usage: .init(available: nil, resident: [:])) {
    } else {
      Issue.record("there is nothing left")
    }
  }
}
