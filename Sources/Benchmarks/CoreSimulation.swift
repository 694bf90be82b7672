import Threads

/// Recorded work replayed on so many cores as `Crew` would share it: a caller takes the items of its fork-join in order,
/// idle cores help with the outermost first, who waits helps deeper.
///
/// Every item takes what it took one thread; a core that comes to a fork-join loses ``joining`` seconds, each item
/// ``taking``. Memory and caches are not simulated.
struct CoreSimulation {
  /// Seconds until a helper is at work: about what waking a thread takes.
  static let joining = 8e-6
  /// Seconds to take an item.
  static let taking = 0.3e-6

  /// A fork-join under way.
  private final class Job {
    let items: [Work]
    let depth: Int
    let owner: Int
    var next = 0
    /// Items that run on other cores than the owner's.
    var helpers = 0
    /// Whether the owner has nothing left to take.
    var isWaiting = false

    init(_ items: [Work], depth: Int, owner: Int) {
      self.items = items
      self.depth = depth
      self.owner = owner
    }

    var hasItems: Bool { next < items.count }
  }

  /// An item being run.
  private struct Frame {
    let work: Work
    let job: Job?
    let depth: Int
    let isHelp: Bool
    var part = 0
  }

  private struct Event: Comparable {
    let time: Double
    let number: Int
    let core: Int

    static func < (a: Event, b: Event) -> Bool { (a.time, a.number) < (b.time, b.number) }
  }

  private var stacks: [[Frame]]
  private var waits: [[Job]]
  private var isIdle: [Bool]
  private var jobs: [Job] = []
  private var events: [Event] = []
  private var number = 0
  private var now = 0.0

  private init(cores: Int) {
    stacks = Array(repeating: [], count: cores)
    waits = Array(repeating: [], count: cores)
    isIdle = Array(repeating: true, count: cores)
  }

  /// Seconds that `work` takes on `cores` cores.
  static func seconds(_ work: Work, cores: Int) -> Double {
    var simulation = CoreSimulation(cores: cores)
    simulation.isIdle[0] = false
    simulation.stacks[0] = [Frame(work: work, job: nil, depth: 0, isHelp: false)]
    simulation.schedule(0, after: 0)
    while let event = simulation.nextEvent() {
      simulation.now = event.time
      simulation.advance(event.core)
    }
    return simulation.now
  }

  /// A core goes on at `now` + `after`.
  private mutating func schedule(_ core: Int, after: Double) {
    number += 1
    let event = Event(time: now + after, number: number, core: core)
    // Few cores, so few events: sorted by insertion, the next one last.
    var place = events.count
    while place > 0, events[place - 1] < event { place -= 1 }
    events.insert(event, at: place)
  }

  private mutating func nextEvent() -> Event? { events.popLast() }

  /// The core's last part has ended.
  private mutating func advance(_ core: Int) {
    guard var frame = stacks[core].popLast() else { return seek(core) }
    guard frame.part < frame.work.parts.count else { return end(frame, core) }
    let part = frame.work.parts[frame.part]
    frame.part += 1
    stacks[core].append(frame)
    switch part {
    case .serial(let seconds): schedule(core, after: seconds)
    case .fork(let items):
      let job = Job(items, depth: frame.depth + 1, owner: core)
      waits[core].append(job)
      jobs.append(job)
      take(job, core, isHelp: false)
      wake()
    }
  }

  /// An item has ended: the next of its job, or the end of the job for this core.
  private mutating func end(_ frame: Frame, _ core: Int) {
    guard let job = frame.job else { return }
    if job.hasItems { return take(job, core, isHelp: frame.isHelp) }
    if frame.isHelp {
      job.helpers -= 1
      if job.helpers == 0, job.isWaiting, isIdle[job.owner] { resume(job.owner) }
      seek(core)
    } else {
      jobs.removeAll { $0 === job }
      job.isWaiting = true
      seek(core)
    }
  }

  private mutating func take(_ job: Job, _ core: Int, isHelp: Bool, joining: Double = 0) {
    let work = job.items[job.next]
    job.next += 1
    stacks[core].append(Frame(work: work, job: job, depth: job.depth, isHelp: isHelp))
    schedule(core, after: CoreSimulation.taking + joining)
  }

  /// The core goes on behind the fork-join it waited for.
  private mutating func resume(_ core: Int) {
    isIdle[core] = false
    waits[core].removeLast()
    schedule(core, after: 0)
  }

  /// The core goes on with its own where it may, else helps, else is idle.
  private mutating func seek(_ core: Int) {
    let own = waits[core].last
    if let own, own.isWaiting, own.helpers == 0 { return resume(core) }
    let depth = own?.depth ?? 0
    let job = jobs.filter { $0.hasItems && $0.depth > depth && $0.owner != core }.min {
      $0.depth < $1.depth
    }
    guard let job else {
      isIdle[core] = true
      return
    }
    isIdle[core] = false
    job.helpers += 1
    take(job, core, isHelp: true, joining: CoreSimulation.joining)
  }

  /// Idle cores look for work.
  private mutating func wake() {
    for core in isIdle.indices where isIdle[core] { seek(core) }
  }
}
