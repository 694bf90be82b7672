package import Faults
package import Tensors

/// How the vectors of residuals are trained: as real numbers of which the model sees the codes (straight-through).
///
/// A vector's numbers begin as its codes times a step that makes their root mean square ``size``, and the same step
/// leads back to codes. A vector's length means nothing, since the latents hold that, and so its gradient has no part
/// along it; but it says how far a step of AdamW, which is about the learning rate in every number, turns it.
package struct ResidualTraining: Trainable {
  package let name = "residual"
  /// The codes at the start, output then input vectors, of every module that has a residual.
  package let start: [CodedColumns]
  /// The modules they belong to.
  private let places: [Int]
  /// Real numbers per code, by column.
  private let steps: [[Float]]
  /// The largest code that a column has at the start and keeps to.
  private let limits: [[Float]]

  /// Root mean square of a vector's numbers: a step at a learning rate of 0.001 turns it by about a fifth of a percent.
  private static let size = 0.5

  /// Training of `residuals`, by module, nil where there is none.
  package init(residuals: [(output: CodedColumns, input: CodedColumns)?]) {
    var (start, places): ([CodedColumns], [Int]) = ([], [])
    for (index, residual) in residuals.enumerated() {
      guard let residual else { continue }
      start += [residual.output, residual.input]
      places += [index, index]
    }
    self.start = start
    self.places = places
    limits = start.map { columns in
      (0..<columns.count).map { column in
        let codes = columns.codes(ofColumn: column)
        return Float(max(codes.map { abs(Int($0)) }.max() ?? 1, 1))
      }
    }
    steps = start.map { columns in
      (0..<columns.count).map { column in
        let codes = columns.codes(ofColumn: column)
        let square = codes.reduce(0) { $0 + Int($1) * Int($1) }
        let spread = (Double(max(square, 1)) / Double(columns.features)).squareRoot()
        return Float(ResidualTraining.size / spread)
      }
    }
  }

  package var movesFactors: Bool { true }

  /// The numbers at the start, `[features, count]` each.
  package var values: [Matrix<Float>] {
    zip(start, steps).map { columns, steps in
      var result = Matrix<Float>(rows: columns.features, columns: columns.count)
      for column in 0..<columns.count {
        for row in 0..<columns.features {
          result[row, column] =
            Float(columns.codes[column * columns.features + row]) * steps[column]
        }
      }
      return result
    }
  }

  /// The codes that `values` stand for, output then input vectors of every module that has them.
  package func codes(_ values: [Matrix<Float>]) -> [CodedColumns] {
    values.enumerated().map { codes($0, $1) }
  }

  /// The codes that were best in a run; nil where it trained no residual.
  package func codes(in state: TuningState) -> [CodedColumns]? {
    state[name].map { codes($0.best) }
  }

  /// The vectors of the codes; storage keeps those, so that there is nothing more to round.
  package func inForce(
    _ values: [Matrix<Float>], roundedAt level: Int?
  ) throws(Fault) -> [Matrix<Float>] {
    codes(values).map(\.matrix)
  }

  package func apply(_ inForce: [Matrix<Float>], to student: StudentModel) {
    for index in stride(from: 0, to: inForce.count, by: 2) {
      student.setResidual(places[index], output: inForce[index], input: inForce[index + 1])
    }
  }

  package func gradients(of pass: StudentGradients) -> [Matrix<Float>] { pass.vectors }

  package func pullBack(
    _ gradients: [Matrix<Float>], values: [Matrix<Float>], inForce: [Matrix<Float>]
  ) -> [Matrix<Float>] {
    gradients.indices.map {
      ResidualTraining.gradient(gradients[$0], inForce: inForce[$0], parameters: values[$0])
    }
  }

  /// The codes that the numbers of the `index`-th entry stand for.
  private func codes(_ index: Int, _ parameters: Matrix<Float>) -> CodedColumns {
    let features = parameters.rows
    var codes = [Int8](repeating: 0, count: parameters.elements.count)
    for column in 0..<parameters.columns {
      let limit = limits[index][column]
      for row in 0..<features {
        let code = (parameters[row, column] / steps[index][column]).rounded(.toNearestOrEven)
        // A run that diverges is stopped by its loss, not here.
        codes[column * features + row] = code.isFinite ? Int8(max(-limit, min(limit, code))) : 0
      }
    }
    return CodedColumns(features: features, count: parameters.columns, codes: codes)
  }

  /// The gradient of the numbers θ of a vector from that of the unit vector u in force:
  /// `(g − u·uᵀg) / ‖θ‖` for every column.
  private static func gradient(
    _ gradient: Matrix<Float>, inForce: Matrix<Float>, parameters: Matrix<Float>
  ) -> Matrix<Float> {
    var result = gradient
    for column in 0..<gradient.columns {
      var (along, square) = (Float(0), Float(0))
      for row in 0..<gradient.rows {
        along += gradient[row, column] * inForce[row, column]
        square += parameters[row, column] * parameters[row, column]
      }
      let length = square.squareRoot()
      for row in 0..<gradient.rows {
        result[row, column] =
          length > 0 ? (gradient[row, column] - along * inForce[row, column]) / length : 0
      }
    }
    return result
  }
}
