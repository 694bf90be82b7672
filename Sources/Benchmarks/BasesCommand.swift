import ArgumentParser
import Bases
import Faults
import JSON
import LinearAlgebra
import Tensors
import Threads

/// The leading singular triplets of one matrix.
struct BasesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bases", abstract: "The basis of one matrix, judged in Float64.")

  @Option(help: "Little-endian Float32, row after row.") var matrix: String
  @Option var rows: Int
  @Option var columns: Int
  @Option var rank: Int
  @Option(help: "σ_rank − σ_rank+1 of the matrix.") var gap: Double
  @OptionGroup var options: BenchOptions

  func run() throws {
    let weight = Matrix<Float>(
      rows: rows, columns: columns,
      elements: try RawFloats.read(matrix, count: rows * columns))
    let corner = min(rows, columns, 128)
    _ = try compute(
      Matrix(
        rows: corner, columns: corner,
        elements: (0..<corner).flatMap {
          Array(weight.elements[$0 * columns..<$0 * columns + corner])
        }), rank: min(rank, corner))
    var basis: SingularBasis?
    let timing = try Measurement.time {
      basis = try compute(weight, rank: rank)
    }
    guard let basis else { return }
    let quality = BasisQuality(weight: weight, basis: basis, rank: rank, gap: gap)
    Measurement(
      what: "bases", timing: timing,
      operations: basis.work.single + basis.work.double, bytes: 4 * rows * columns,
      fields: [
        "rows": .integer(rows), "columns": .integer(columns), "rank": .integer(rank),
        "single": .number(basis.work.single), "double": .number(basis.work.double),
        "route": .string(basis.convergence.route.rawValue),
        "residual": .number(quality.residual), "orthogonality": .number(quality.orthogonality),
        "span_error": .number(quality.spanError),
      ]
    ).print()
  }

  /// What the product does for a module with `top` directions.
  private func compute(_ weight: Matrix<Float>, rank: Int) throws(Fault) -> SingularBasis {
    try withThreads(options.threads) { () throws(Fault) in
      let basis = try SingularBasis(weight: weight, moduleName: "bench", leading: rank)
      _ = try basis.moduleBasis(for: .top(rank: basis.admissibleRank(rank), omegaSeed: 0))
      return basis
    }
  }
}

/// The first triplets of a basis against the matrix itself, in Float64, as `peers/common.py` judges theirs.
struct BasisQuality {
  /// `max(‖W vᵢ − σᵢ uᵢ‖, ‖Wᵀ uᵢ − σᵢ vᵢ‖) / σ₁`.
  let residual: Double
  /// The largest entry of `|UᵀU − I|` and `|VᵀV − I|`.
  let orthogonality: Double
  /// `residual · σ₁ / gap`: how far the span may be off.
  let spanError: Double

  init(weight: Matrix<Float>, basis: SingularBasis, rank: Int, gap: Double) {
    let first = Array(0..<min(rank, basis.count))
    let (output, input) = (
      basis.outputRows.selectingRows(first), basis.inputRows.selectingRows(first)
    )
    let wide = weight.inDouble
    let values = Array(basis.singularValues.prefix(first.count))
    let worst = max(
      BasisQuality.distance(input.times(wide, transposeOther: true), output, values),
      BasisQuality.distance(output.times(wide), input, values))
    let complete = first.count == rank
    residual = complete ? worst / (values.first ?? 1) : .infinity
    spanError = complete ? worst / gap : .infinity
    orthogonality = max(BasisQuality.defect(output), BasisQuality.defect(input))
  }

  /// The largest `‖aᵢ − σᵢ bᵢ‖` over rows.
  private static func distance(
    _ left: Matrix<Double>, _ right: Matrix<Double>, _ scales: [Double]
  ) -> Double {
    var worst = 0.0
    for (row, scale) in scales.enumerated() {
      var sum = 0.0
      for column in 0..<left.columns {
        let difference = left[row, column] - scale * right[row, column]
        sum += difference * difference
      }
      if sum.isNaN { return .nan }
      worst = max(worst, sum.squareRoot())
    }
    return worst
  }

  private static func defect(_ rows: Matrix<Double>) -> Double {
    let products = rows.times(rows, transposeOther: true)
    var worst = 0.0
    for row in 0..<products.rows {
      for column in 0..<products.columns {
        worst = max(worst, abs(products[row, column] - (row == column ? 1 : 0)))
      }
    }
    return worst
  }
}
