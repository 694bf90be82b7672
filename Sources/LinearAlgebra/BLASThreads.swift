import COpenBLAS

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

  /// Runs `body` with calls of `count` threads.
  public static func during<Result, Failure: Error>(
    _ count: Int, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let before = BLASThreads.count
    set(count)
    defer { set(before) }
    return try body()
  }

  /// The kernel family OpenBLAS chose for this CPU, such as `Haswell`; recorded in reports.
  public static var coreName: String { String(cString: openblas_get_corename()) }
}
