import Faults

/// What the LAPACK wrappers share: sizes and the meaning of `info`.
///
/// LAPACK is column-major; a row-major matrix read column-major is its transpose, so each wrapper
/// solves the transposed problem instead of copying.
enum LAPACK {
  /// A dimension as LAPACK takes it; every wrapper asks before it calls.
  ///
  /// - Throws: `NUM-SIZE` above 2³¹ − 1.
  static func size(_ value: Int) throws(Fault) -> Int32 {
    OpenBLAS.onOneThread
    guard let narrow = Int32(exactly: value) else {
      throw Fault(.unsupported, "NUM-SIZE", "a dimension of \(value) exceeds LAPACK's 32 bits")
    }
    return narrow
  }

  /// Turns `info` into a fault.
  ///
  /// `info == 0` success; `-1010`, `-1011` LAPACKE could not allocate; other `< 0` argument `-info`
  /// was refused, which for LAPACKE includes "contains NaN"; `> 0` no convergence (eigenvalues, SVD)
  /// or not positive definite (Cholesky).
  static func check(_ info: Int32, _ routine: String) throws(Fault) {
    switch info {
    case 0: return
    case -1010, -1011:
      throw Fault(.resources, "NUM-MEMORY", "\(routine) could not allocate its workspace")
    case ..<0:
      throw Fault(
        .badData, "NUM-ARGUMENT", "\(routine) refused argument \(-info) (a NaN, or a wrong size)")
    default:
      throw Fault(.badData, "NUM-SVD", "\(routine) did not converge (info \(info))")
    }
  }
}
