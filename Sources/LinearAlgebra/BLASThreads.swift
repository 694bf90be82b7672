import COpenBLAS
import Synchronization

/// The number of threads OpenBLAS uses for one call.
///
/// The one place that sets it. Work is either many modules × 1 BLAS thread (``parallelMap``) or one
/// call × n BLAS threads, never both: the two multiply.
public enum BLASThreads {
  /// The number of threads a BLAS call uses now.
  public static var count: Int { Int(openblas_get_num_threads()) }

  /// Sets the number of threads of every later BLAS call; at least 1.
  public static func set(_ count: Int) {
    openblas_set_num_threads(Int32(clamping: max(count, 1)))
  }

  /// Runs `body` with calls of `count` threads, in the whole process.
  public static func during<Result, Failure: Error>(
    _ count: Int, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let before = BLASThreads.count
    set(count)
    defer { scopes.withLock { set($0.depth > 0 ? 1 : before) } }
    return try body()
  }

  /// From the first of these until the last ``endSingle()`` calls use one thread: callers share out work themselves.
  ///
  /// They may overlap in any order, on any threads.
  public static func beginSingle() {
    scopes.withLock { scopes in
      if scopes.depth == 0 { scopes.outer = count }
      scopes.depth += 1
      set(1)
    }
  }

  /// See ``beginSingle()``.
  public static func endSingle() {
    scopes.withLock { scopes in
      scopes.depth -= 1
      if scopes.depth == 0 { set(scopes.outer) }
    }
  }

  private struct Scopes {
    var depth = 0
    /// The count outside.
    var outer = 1
  }

  private static let scopes = Mutex(Scopes())

  /// The kernel family OpenBLAS chose for this CPU, such as `Haswell`; recorded in reports.
  public static var coreName: String { String(cString: openblas_get_corename()) }
}
