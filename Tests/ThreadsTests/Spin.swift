import Glibc

/// Computes for a while.
func spin(microseconds: Int) {
  func now() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
  }
  let end = now() + microseconds
  while now() < end {}
}

/// A number for the thread that runs this.
func currentThread() -> UInt { UInt(pthread_self()) }
