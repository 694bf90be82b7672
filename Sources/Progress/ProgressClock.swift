#if canImport(Glibc)
  import Glibc
#endif

/// The two clocks progress needs: one that only goes forward, and the time of day for stamps.
///
/// A value, so that tests decide what time it is. No decision depends on the time of day.
public struct ProgressClock: Sendable {
  /// Seconds from an arbitrary start, never going back.
  public var seconds: @Sendable () -> Double
  /// The time of day in UTC, `2026-01-31T12:00:00Z`.
  public var stamp: @Sendable () -> String

  /// Creates a clock from its two functions.
  public init(
    seconds: @escaping @Sendable () -> Double, stamp: @escaping @Sendable () -> String
  ) {
    self.seconds = seconds
    self.stamp = stamp
  }

  /// The machine's clocks.
  public static let system = ProgressClock(
    seconds: {
      var now = timespec()
      clock_gettime(CLOCK_MONOTONIC, &now)
      return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9
    },
    stamp: {
      var now = time(nil)
      var parts = tm()
      gmtime_r(&now, &parts)
      let fields = [
        Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday), Int(parts.tm_hour),
        Int(parts.tm_min), Int(parts.tm_sec),
      ].map(ProgressText.twoDigits)
      return "\(fields[0])-\(fields[1])-\(fields[2])T\(fields[3]):\(fields[4]):\(fields[5])Z"
    })
}
