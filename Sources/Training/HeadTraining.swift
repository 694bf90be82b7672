import Faults
package import Models
package import Tensors

/// A head for classes, trained beside latents: its numbers divided by a unit, which decides how far a step moves them.
///
/// Rates for latents are some hundred times those that suit a head, which begins near zero and reads states of a size near one.
package struct HeadTraining: Trainable {
  package let name = "head"
  package let values: [Matrix<Float>]
  private let unit: Float

  /// The learning rate that a head has in effect.
  private static let rate = 0.002

  /// Training of `layers` in a run whose latents have `learningRate`; in a search of one, that with which it begins.
  package init(_ layers: ClassLayers, learningRate: Double) {
    let unit = Float(HeadTraining.rate / learningRate)
    self.unit = unit
    values = layers.parameters.map { $0.scaled(by: 1 / unit) }
  }

  /// The head that was best in a run.
  package func best(in state: TuningState) -> [Matrix<Float>]? {
    state[name].map { $0.best.map { $0.scaled(by: unit) } }
  }

  package func inForce(_ values: [Matrix<Float>], roundedAt level: Int?) -> [Matrix<Float>] {
    values.map { $0.scaled(by: unit) }
  }

  package func apply(_ inForce: [Matrix<Float>], to student: StudentModel) {
    student.classes?.parameters = inForce
  }

  package func gradients(of pass: StudentGradients) -> [Matrix<Float>] { pass.head }

  package func pullBack(
    _ gradients: [Matrix<Float>], values: [Matrix<Float>], inForce: [Matrix<Float>]
  ) -> [Matrix<Float>] {
    gradients.map { $0.scaled(by: unit) }
  }
}

extension Matrix where Scalar == Float {
  /// Every number times `factor`.
  func scaled(by factor: Float) -> Matrix<Float> {
    Matrix(rows: rows, columns: columns, elements: elements.map { $0 * factor })
  }
}
