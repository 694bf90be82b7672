import Glibc

/// How long one run took, of several.
struct Timing {
  /// The median, by the clock.
  var seconds: Double
  /// How many runs.
  var runs = 1
  /// The mean time that processors spent on a run, of all threads: what other programs on the machine change least.
  var processorSeconds: Double

  /// What processors have spent on this process so far.
  static var processorSecondsOfProcess: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }
}
