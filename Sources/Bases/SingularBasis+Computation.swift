public import Faults
import LinearAlgebra
public import Tensors

extension SingularBasis {
  /// Computes the directions of `weight` `[outFeatures, inFeatures]` and proves them.
  ///
  /// First by the eigenvectors of the smaller Gram matrix in Float64, whose error grows with
  /// `(σ₁/σ)²`; where the two-sided residual or the orthogonality misses its limit, by LAPACK's SVD.
  ///
  /// - Parameter route: `.gram` or `.direct` to force one; nil to choose.
  /// - Throws: `NUM-SVD` without convergence, naming the module; `NUM-NAN` for a value that is not
  ///   finite.
  /// - Complexity: about 9·min³ + 8·max·min² multiply-adds.
  public init(
    weight: Matrix<Float>, moduleName: String, route: Convergence.Route? = nil
  ) throws(Fault) {
    guard weight.elements.allSatisfy(\.isFinite) else {
      throw Fault(.badData, "NUM-NAN", "a base weight holds NaN or infinity", tensor: moduleName)
    }
    do throws(Fault) {
      let isTall = weight.rows >= weight.columns
      let tall = isTall ? weight.inDouble : weight.inDouble.transposed
      var factors: SingularFactors?
      if route != .direct {
        let candidate = try SingularFactors(gramOf: tall)
        if route == .gram || candidate.convergence.isAccepted { factors = candidate }
      }
      let final: SingularFactors
      if let factors { final = factors } else { final = try SingularFactors(directlyFrom: tall) }
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
        convergence: final.convergence)
    } catch {
      throw error.at(tensor: moduleName)
    }
  }
}
