public import Adapters
import Bases
public import Faults
import LinearAlgebra
import Tensors

extension Projection {
  /// Rounds of coding one side with the other as it is stored.
  private static let residualRounds = 2

  /// The first pairs of an update as codes, each side fitted to what the other became:
  /// with P fixed, `Q = ΔWᵀ G P (PᵀGP)⁻¹` is what best completes it, and the other way round.
  ///
  /// - Parameters:
  ///   - pairs: the update's pairs under the same curvature.
  ///   - largestCodes: of each pair that is kept, at most as many as there are; ±7, ±3 and ±1 take about 3.6, 2.6 and
  ///     1.5 bits a code.
  /// - Throws: `NUM-DEFINITE` where two pairs became alike.
  public static func residual(
    of update: LowRankUpdate, pairs: WeightedPairs, largestCodes: [Int],
    curvature: Curvature?, ridge: Double = Projection.defaultRidge
  ) throws(Fault) -> ResidualPairs {
    let kept = Array(0..<min(largestCodes.count, pairs.values.count))
    let up = update.loraB.inDouble.scaled(by: update.scaling)
    let down = update.loraA.inDouble.transposed
    let outputCoder = ColumnCoder(
      metric: Metric(curvature?.output, ridge: ridge), largestCodes: largestCodes)
    let inputCoder = ColumnCoder(
      metric: Metric(curvature?.input, ridge: ridge), largestCodes: largestCodes)
    do throws(Fault) {
      var output = CodedColumns(features: update.outFeatures, count: 0, codes: [])
      var input = CodedColumns(features: update.inFeatures, count: 0, codes: [])
      var current = pairs.output.selectingColumns(kept)
      for _ in 0..<(kept.isEmpty ? 0 : residualRounds) {
        input = try complete(current, outputCoder.metric, of: up, with: down, by: inputCoder)
        output = try complete(
          input.matrix.inDouble, inputCoder.metric, of: down, with: up, by: outputCoder)
        current = output.matrix.inDouble
      }
      return ResidualPairs(output: output, input: input)
    } catch {
      throw error.at(tensor: update.moduleName)
    }
  }

  /// Codes of `Y (Xᵀ S F)ᵀ (FᵀSF)⁻¹` for `ΔW = X Yᵀ` (or its transpose) and the fixed side F.
  private static func complete(
    _ fixed: Matrix<Double>, _ metric: Metric, of near: Matrix<Double>, with far: Matrix<Double>,
    by coder: ColumnCoder
  ) throws(Fault) -> CodedColumns {
    let products = metric.products(fixed, near)
    let mix = try Cholesky(products.xx).dividing(rows: products.xy.transposed)
    return coder.code(far.times(mix), coupling: products.xx)
  }

  /// What `pairs` leave of an update, `ΔW − P D Qᵀ` with the D that ``fit(update:basis:curvature:method:ridge:)``
  /// finds, as an update of larger rank.
  public static func remainder(
    of update: LowRankUpdate, beside pairs: ResidualPairs, curvature: Curvature?,
    method: ProjectionMethod, ridge: Double = Projection.defaultRidge
  ) throws(Fault) -> LowRankUpdate {
    let nothing = ModuleBasis(
      withoutDirections: update.moduleName, outFeatures: update.outFeatures,
      inFeatures: update.inFeatures)
    let (output, input) = (pairs.output.matrix, pairs.input.matrix)
    let mix = try fit(
      update: update, basis: nothing.appending(output: output, input: input), curvature: curvature,
      method: method, ridge: ridge
    ).latent
    let up = update.loraB.inDouble.scaled(by: update.scaling).inFloat
    return LowRankUpdate(
      moduleName: update.moduleName, loraA: update.loraA.appending(rows: input.transposed),
      loraB: up.appending(columns: output.inDouble.times(mix).scaled(by: -1).inFloat), scaling: 1)
  }

  /// How many pairs of each module are kept where `budget` units hold the most worth: whole pairs by falling worth
  /// per unit, whatever their module.
  ///
  /// - Parameters:
  ///   - worth: of each module's pairs, descending.
  ///   - cost: of one pair of each module.
  public static func pairCounts(
    worth: [[Double]], cost: [Int], budget: Int
  ) -> [Int] {
    var order: [(module: Int, value: Double)] = []
    for (module, values) in worth.enumerated() {
      for value in values { order.append((module, value / Double(cost[module]))) }
    }
    // The sort is stable: a module's first pair goes first.
    order.sort { $0.value > $1.value }
    var counts = worth.map { _ in 0 }
    var spent = 0
    for (module, _) in order where spent + cost[module] <= budget {
      spent += cost[module]
      counts[module] += 1
    }
    return counts
  }
}
