import Files
import Synchronization

/// Which group goes to which worker, and when: base by base, and no more at once than memory holds.
///
/// A group begins only where its estimated peak fits beside what the others hold or will hold: into the budget, and into
/// what the machine and the container have left now. One that fits nowhere runs when nothing else does: an estimate is no reason
/// to refuse a job, whose own checks know better, and a worker that is killed costs no other. Threads are divided
/// among as many workers as there is work for. Thread-safe.
package final class Admission: Sendable {
  /// What a worker gets.
  package struct Grant: Sendable {
    package var group: JobGroup
    package var threads: Int
    /// The memory it may use; nil for no limit.
    package var memory: Int?
    /// Whether that is all there is.
    package var isWhole: Bool
    /// Its estimated peak.
    package var estimate: Int
    /// Whether others waiting are of its base, and stacked too.
    package var hasMore: Bool
    /// What the estimate exceeds, where it runs all the same, alone.
    package var shortage: Int?
  }

  /// What a worker that asks is told.
  package enum Answer: Sendable {
    case grant(Grant)
    /// There is no room yet.
    case wait
    /// Nothing is waiting, nor can it come back.
    case done
  }

  /// What is held now.
  package struct Usage: Sendable {
    /// Bytes that may still be had; nil where the machine does not say.
    package var available: Int?
    /// Bytes that each worker's process holds, by its number.
    package var resident: [Int: Int]

    /// What is held.
    package init(available: Int?, resident: [Int: Int]) {
      self.available = available
      self.resident = resident
    }
  }

  private struct State {
    var waiting: [JobGroup]
    var running: [Int: Grant] = [:]
    /// Workers that had others beside them since their group began.
    var accompanied: Set<Int> = []
    var costs: CostModel
  }

  private let state: Mutex<State>
  private let slots: Int
  private let threads: Int
  private let capacity: Int?
  /// Groups that are looked at for one that fits.
  private static let mostLookedAt = 32
  /// Parts of the memory that stays free beside all estimates.
  private static let reserve = 16

  /// - Parameters:
  ///   - slots: Workers at once at most.
  ///   - threads: Threads of all together.
  ///   - capacity: Bytes for all together; nil for no limit.
  package init(_ groups: [JobGroup], slots: Int, threads: Int, capacity: Int?, costs: CostModel) {
    self.slots = max(slots, 1)
    self.threads = max(threads, 1)
    self.capacity = capacity
    state = Mutex(State(waiting: groups, costs: costs))
  }

  /// The next group for worker `slot`, which has `base` open: one of that base if there is room for it, else the first that
  /// fits.
  package func next(_ slot: Int, base: String?, usage: Usage) -> Answer {
    state.withLock { state in
      guard !state.waiting.isEmpty else { return state.running.isEmpty ? .done : .wait }
      if state.running.values.contains(where: \.group.isAlone) { return .wait }
      let active = min(slots, state.running.count + state.waiting.count)
      let share = max(threads / max(active, 1), 1)
      let order =
        state.waiting.indices.filter { state.waiting[$0].base == base }
        + state.waiting.indices.filter { state.waiting[$0].base != base }
      for place in order.prefix(Admission.mostLookedAt) {
        let group = state.waiting[place]
        let isOnlyOne = state.running.isEmpty
        if group.isAlone && !isOnlyOne { continue }
        let estimate = state.costs.estimate(group, threads: share)
        let room = room(for: slot, beside: state.running, usage)
        let isFitting = room.map { estimate <= $0 } ?? true
        guard isFitting || isOnlyOne else { continue }
        state.waiting.remove(at: place)
        let grant = Grant(
          group: group, threads: group.isAlone ? threads : share,
          memory: capacity.map { group.isAlone ? $0 : min(max(estimate, $0 / slots), $0) },
          isWhole: group.isAlone || slots == 1, estimate: estimate,
          hasMore: state.waiting.contains { $0.base == group.base && $0.isStacked },
          shortage: isFitting ? nil : room.map { estimate - $0 })
        for other in state.running.keys { state.accompanied.insert(other) }
        if !isOnlyOne { state.accompanied.insert(slot) }
        state.running[slot] = grant
        return .grant(grant)
      }
      return .wait
    }
  }

  /// Bytes for a group of worker `slot`: of the budget, and of what is left, the least.
  private func room(for slot: Int, beside running: [Int: Grant], _ usage: Usage) -> Int? {
    let others = Set(running.keys).union(usage.resident.keys).subtracting([slot])
    var rooms: [Int] = []
    if let capacity {
      let held = others.reduce(0) {
        $0 + max(running[$1]?.estimate ?? 0, usage.resident[$1] ?? 0)
      }
      rooms.append(capacity - held)
    }
    if let available = usage.available {
      // What the others will still ask for; what this worker holds it need not ask for again.
      let promised = others.reduce(0) {
        $0 + max((running[$1]?.estimate ?? 0) - (usage.resident[$1] ?? 0), 0)
      }
      rooms.append(
        available / Admission.reserve * (Admission.reserve - 1) - promised
          + (usage.resident[slot] ?? 0))
    }
    return rooms.min()
  }

  /// Says that worker `slot` is through with its group, and what that took.
  package func finish(_ slot: Int, peak: Int?) {
    state.withLock { state in
      guard let grant = state.running.removeValue(forKey: slot) else { return }
      state.accompanied.remove(slot)
      if let peak, grant.group.crash == nil {
        state.costs.observe(grant.group, threads: grant.threads, peak: peak)
      }
    }
  }

  /// Whether worker `slot` has had others beside it since its group began.
  package func isAccompanied(_ slot: Int) -> Bool {
    state.withLock { $0.accompanied.contains(slot) }
  }

  /// Puts groups in front of those that wait: what a worker that died has left.
  package func putBack(_ groups: [JobGroup]) {
    state.withLock { $0.waiting.insert(contentsOf: groups, at: 0) }
  }
}
