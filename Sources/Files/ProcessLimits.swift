public import Faults
import Glibc

/// What the system lets this process use, and what is refused because of it, before anything is begun: a failed
/// allocation or thread cannot be recovered from inside the libraries that make them.
public enum ProcessLimits {
  /// The cores this process may run on by affinity: a mask in hexadecimal digits and commas, empty where it is not known.
  public static var coreMask: String {
    let line = (ControlGroup.text("/proc/self/status") ?? "").split(separator: "\n")
      .first { $0.hasPrefix("Cpus_allowed:") }
    return line?.split(separator: "\t").last.map(String.init) ?? ""
  }

  /// The cores this process may run on, by affinity and by the CPU quota of its container.
  public static var cores: Int {
    let allowed = coreMask.reduce(0) { $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0) }
    let count = allowed > 0 ? allowed : Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    return max(min(count, ControlGroup.current.cores ?? count), 1)
  }

  /// Bytes that may still be had: of the machine, of its container, of this process's address space.
  public static var availableMemory: Int? {
    [machineMemory, ControlGroup.current.availableMemory, addressSpace].compactMap(\.self).min()
  }

  /// The most threads that are used, whatever is asked for: results are the same, and more than there are cores wait for
  /// each other at every product, each time until the system lets the last one run.
  public static func mostThreads(cores: Int) -> Int { max(4, cores) }

  /// Address space of a thread: its stack, its share of the allocator's and of the products' buffers.
  private static let threadByteCount = 160 << 20
  /// Address space for the program itself.
  private static let programByteCount = 128 << 20
  /// Files, folders and pipes open at once.
  private static let descriptorCount = 20

  /// How many of `wanted` threads can be had.
  ///
  /// - Throws: 71 `MEM-BUDGET` where the limit of address space does not hold one, 71 `THREADS` where the system does
  ///   not start them.
  public static func threads(wanted: Int, cores: Int) throws(Fault) -> Int {
    var count = min(wanted, mostThreads(cores: cores))
    if let addressSpace {
      let room = (addressSpace - programByteCount) / threadByteCount
      guard room >= 1 else {
        throw Fault(
          .resources, "MEM-BUDGET",
          "the limit of address space (ulimit -v) leaves \(addressSpace) bytes, a thread needs "
            + "\(programByteCount + threadByteCount)")
      }
      // Half of it is for data: OpenBLAS asks for a thread's buffer again for ever where there is none.
      count = min(count, max(room / 2, 1))
    }
    let started = startable(count)
    guard started == count else {
      throw Fault(
        .resources, "THREADS",
        "the system starts \(started) of \(count) threads (ulimit -u): fewer with --threads")
    }
    return count
  }

  /// Refuses a limit of open files under which the work cannot end well.
  ///
  /// - Throws: 71 `FILES`.
  public static func checkDescriptors() throws(Fault) {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0,
      limit.rlim_cur < rlim_t(descriptorCount)
    else { return }
    throw Fault(
      .resources, "FILES",
      "the limit of open files (ulimit -n) is \(limit.rlim_cur), at least \(descriptorCount) are needed"
    )
  }

  /// Opens what was closed of the first three descriptors: the next file would become standard output.
  public static func reserveStandardDescriptors() {
    for descriptor in Int32(0)...2 where fcntl(descriptor, F_GETFD) < 0 {
      // What is written to a closed output is an error; messages that nobody reads are none.
      _ = open("/dev/null", descriptor == 2 ? O_WRONLY : O_RDONLY)
    }
  }

  /// Address space that is left, nil without a limit.
  private static var addressSpace: Int? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0,
      limit.rlim_cur < 1 << 60, let status = ControlGroup.text("/proc/self/statm"),
      let pages = status.split(separator: " ").first.flatMap({ Int($0) })
    else { return nil }
    return max(Int(limit.rlim_cur) - pages * Int(getpagesize()), 0)
  }

  private static var machineMemory: Int? {
    for line in (ControlGroup.text("/proc/meminfo") ?? "").split(separator: "\n")
    where line.hasPrefix("MemAvailable:") {
      return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }
    return nil
  }

  /// How many of `count` threads start together.
  private static func startable(_ count: Int) -> Int {
    var lock = pthread_mutex_t()
    pthread_mutex_init(&lock, nil)
    defer { pthread_mutex_destroy(&lock) }
    var threads: [pthread_t] = []
    withUnsafeMutablePointer(to: &lock) { lock in
      pthread_mutex_lock(lock)
      for _ in 0..<count {
        var thread = pthread_t()
        let status = pthread_create(
          &thread, nil,
          { lock in
            guard let lock = lock?.assumingMemoryBound(to: pthread_mutex_t.self) else { return nil }
            pthread_mutex_lock(lock)
            pthread_mutex_unlock(lock)
            return nil
          }, lock)
        guard status == 0 else { break }
        threads.append(thread)
      }
      pthread_mutex_unlock(lock)
      for thread in threads { pthread_join(thread, nil) }
    }
    return threads.count
  }
}
