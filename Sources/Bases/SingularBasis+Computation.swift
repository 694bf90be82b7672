public import Faults
import LinearAlgebra
public import Tensors

extension SingularBasis {
  /// Computes the directions of `weight` `[outFeatures, inFeatures]` and proves them.
  ///
  /// First by the eigenvectors of the smaller Gram matrix in Float64, whose error grows with
  /// `(σ₁/σ)²`; where the two-sided residual or the orthogonality misses its limit, by LAPACK's SVD.
  ///
  /// Where only leading directions of a large weight are wanted, by a Krylov space for these alone; the basis
  /// then has at least `leading` of them, or all there are.
  ///
  /// - Parameters:
  ///   - leading: The number of first directions that will be looked at; nil for all.
  ///   - route: One route to force; nil to choose.
  /// - Throws: `NUM-SVD` without convergence, naming the module; `NUM-NAN` for a value that is not
  ///   finite.
  /// - Complexity: about 9·min³ + 8·max·min² multiply-adds.
  public init(
    weight: Matrix<Float>, moduleName: String, leading: Int? = nil,
    route: Convergence.Route? = nil
  ) throws(Fault) {
    let largest = weight.largestMagnitude
    guard largest.isFinite else {
      throw Fault(.badData, "NUM-NAN", "a base weight holds NaN or infinity", tensor: moduleName)
    }
    do throws(Fault) {
      let isTall = weight.rows >= weight.columns
      let final: SingularFactors
      if let leading, SingularBasis.squarable.contains(largest),
        let iterated = try SingularBasis.iterated(leading, weight, route)
      {
        final = iterated
      } else {
        final = try SingularBasis.decomposed(
          isTall ? weight.inDouble : weight.inDouble.transposed, route)
      }
      guard final.convergence.isAccepted else {
        throw Fault(
          .badData, "NUM-SVD",
          "the singular vectors did not converge: span error \(final.convergence.spanError), "
            + "orthogonality \(final.convergence.orthogonality)")
      }
      var output = isTall ? final.longRows : final.shortRows
      var input = isTall ? final.shortRows : final.longRows
      try Canonical.resolveClusters(
        SingularBasis.clusters(of: final.values), output: &output, input: &input)
      Canonical.fixSigns(output: &output, input: &input)
      self.init(
        moduleName: moduleName, singularValues: final.values, outputRows: output, inputRows: input,
        convergence: final.convergence, work: final.work)
    } catch {
      throw error.at(tensor: moduleName)
    }
  }

  /// Below this the whole decomposition is as quick as an iteration.
  private static let iterationMinimum = 384
  /// Largest magnitudes of weights whose squares, and sums of them, stay well inside Float32.
  private static let squarable: ClosedRange<Float> = 1e-12...1e14

  /// The leading directions, or a few more where a cluster lies across the last one.
  private static func iterated(
    _ leading: Int, _ weight: Matrix<Float>, _ route: Convergence.Route?
  ) throws(Fault) -> SingularFactors? {
    let short = min(weight.rows, weight.columns)
    let isLarge = short >= iterationMinimum
    guard route == .iterated || (route == nil && isLarge) else { return nil }
    let first = min(max(leading, 1), short)
    for count in [first, first + 8] {
      if let factors = try SingularFactors(leading: count, of: weight),
        factors.convergence.isAccepted, factors.values.count >= first
      {
        return factors
      }
    }
    return nil
  }

  /// All directions of a tall matrix: by its Gram matrix, or where that is not good enough by LAPACK's SVD.
  private static func decomposed(
    _ tall: Matrix<Double>, _ route: Convergence.Route?
  ) throws(Fault) -> SingularFactors {
    if route != .direct {
      let candidate = try SingularFactors(gramOf: tall)
      if route == .gram || candidate.convergence.isAccepted { return candidate }
    }
    return try SingularFactors(directlyFrom: tall)
  }
}
