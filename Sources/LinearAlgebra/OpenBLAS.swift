import COpenBLAS

/// The library as this process uses it: on one thread always, since `Threads` divides the work.
public enum OpenBLAS {
  /// Touched before every call into it or LAPACK.
  ///
  /// Its own threads would multiply with ours, change the order of sums with their number, and spin for ever where memory
  /// is short.
  static let onOneThread: Void = openblas_set_num_threads(1)

  /// The kernel family it chose for this CPU, such as `Haswell`; recorded in reports.
  public static var coreName: String { String(cString: openblas_get_corename()) }
}
