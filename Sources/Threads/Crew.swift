import Faults
import Glibc
import Synchronization

/// The threads of this process that help with fork-joins: made when they are first wanted, asleep when they are not.
///
/// A caller does its own work and is helped, so that work ends on a machine that gives no thread at all. Who waits for
/// helpers or for memory helps in the meantime, but only with items that lie deeper than its own: such an item never
/// waits for what the waiting thread still has to do, and a stack holds no depth twice.
final class Crew: Sendable {
  static let shared = Crew()

  private let monitor = Monitor()
  /// Changes whenever there is new work: what a helper that has just ended watches for a moment before it sleeps.
  private let news = Atomic(0)
  /// Changes whenever what somebody waits for may have come: watched likewise before sleeping.
  private let changes = Atomic(0)
  /// Guarded by the monitor.
  private nonisolated(unsafe) var jobs: [ForkJoin] = []
  private nonisolated(unsafe) var threads = 0
  private nonisolated(unsafe) var sleeping = 0
  private nonisolated(unsafe) var watching = 0
  private nonisolated(unsafe) var waiting = 0
  private nonisolated(unsafe) var mayGrow = true

  /// Offers `job` to whoever is idle.
  func publish(_ job: ForkJoin) {
    monitor.lock()
    jobs.append(job)
    news.wrappingAdd(1, ordering: .relaxed)
    let wanted = min(job.mostHelpers, max(job.scope.seats.load(ordering: .relaxed), 0))
    var missing = wanted - watching
    let woken = min(max(missing, 0), sleeping)
    for _ in 0..<woken { monitor.wakeSleeper() }
    missing -= woken
    while missing > 0, mayGrow, threads < job.scope.limit - 1 {
      mayGrow = startThread()
      missing -= 1
    }
    wakeWaiters()
    monitor.unlock()
  }

  /// Waits for the helpers of `job`, whose items have all begun.
  func finish(_ job: ForkJoin) {
    monitor.lock()
    if let place = jobs.firstIndex(where: { $0 === job }) { jobs.remove(at: place) }
    wait(in: job.scope, deeperThan: job.depth) { job.helpers == 0 }
    monitor.unlock()
  }

  /// Waits on behalf of the running item until `isOver`, which is asked again after every ``announce(_:)``.
  ///
  /// `isOver` is asked under the lock of ``announce(_:)``.
  func wait(until isOver: () -> Bool) {
    monitor.lock()
    let place = ThreadScope.place
    wait(in: place?.scope, deeperThan: place?.depth ?? 0, until: isOver)
    monitor.unlock()
  }

  /// Changes under the lock what somebody waits for.
  func announce(_ change: () -> Void) {
    monitor.lock()
    change()
    wakeWaiters()
    monitor.unlock()
  }

  /// With the lock held.
  private func wakeWaiters() {
    changes.wrappingAdd(1, ordering: .relaxed)
    if waiting > 0 { monitor.wakeWaiters() }
  }

  /// With the lock held.
  private func wait(in scope: ThreadScope?, deeperThan depth: Int, until isOver: () -> Bool) {
    guard !isOver() else { return }
    scope?.stand()
    waiting += 1
    while !isOver() {
      if let scope, let job = pick({ $0.scope === scope && $0.depth > depth }) {
        help(job)
      } else if !watch(changes) {
        monitor.waitForNews()
      }
    }
    waiting -= 1
    scope?.sit()
  }

  /// The outermost job that wants help and that `isWanted`: its items are the largest.
  private func pick(_ isWanted: (ForkJoin) -> Bool) -> ForkJoin? {
    var best: ForkJoin?
    for job in jobs where job.depth < best?.depth ?? .max && job.wantsHelp && isWanted(job) {
      best = job
    }
    return best
  }

  /// With the lock held, which is let go meanwhile.
  private func help(_ job: ForkJoin) {
    job.helpers += 1
    job.scope.sit()
    monitor.unlock()
    job.work(asHelper: true)
    monitor.lock()
    job.scope.stand()
    job.helpers -= 1
    if job.helpers == 0 { wakeWaiters() }
  }

  // MARK: - Threads

  /// With the lock held; false where the system gives none.
  private func startThread() -> Bool {
    var thread = pthread_t()
    let status = pthread_create(&thread, nil, { _ in Crew.shared.serve() }, nil)
    guard status == 0 else { return false }
    pthread_detach(thread)
    threads += 1
    return true
  }

  private func serve() -> Never {
    // Signals are for the main thread: here they would only interrupt reads.
    var signals = sigset_t()
    sigfillset(&signals)
    pthread_sigmask(SIG_SETMASK, &signals, nil)
    monitor.lock()
    while true {
      if let job = pick({ _ in true }) {
        help(job)
        continue
      }
      watching += 1
      let hasNews = watch(news)
      watching -= 1
      guard !hasNews else { continue }
      sleeping += 1
      monitor.sleep()
      sleeping -= 1
    }
  }

  /// How often a thread looks for a change before it sleeps: some tens of microseconds, about what waking takes.
  private static let looks = 100

  /// Looks for a moment whether `count` changes, since one product comes soon after another and the parts of one end
  /// together; whether it did.
  ///
  /// With the lock held, which is let go meanwhile.
  private func watch(_ count: borrowing Atomic<Int>) -> Bool {
    let seen = count.load(ordering: .relaxed)
    monitor.unlock()
    var looks = 0
    while count.load(ordering: .relaxed) == seen, looks < Crew.looks {
      sched_yield()
      looks += 1
    }
    monitor.lock()
    return count.load(ordering: .relaxed) != seen
  }
}

/// A lock with two conditions.
///
/// `@unchecked Sendable`: POSIX allows all of it from any thread.
private final class Monitor: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let work = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let news = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(work, nil)
    pthread_cond_init(news, nil)
  }

  func lock() { pthread_mutex_lock(mutex) }
  func unlock() { pthread_mutex_unlock(mutex) }
  func wakeSleeper() { pthread_cond_signal(work) }
  func sleep() { pthread_cond_wait(work, mutex) }
  func wakeWaiters() { pthread_cond_broadcast(news) }

  func waitForNews() { pthread_cond_wait(news, mutex) }
}
