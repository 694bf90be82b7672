package import Faults
package import Tensors

/// The latents M themselves, rounded as storage will where a run says so.
///
/// Numbers are never rounded, only what is in force: they move by the gradient at the rounded ones (straight-through), so
/// that small steps add up until a code changes.
package struct LatentTraining: Trainable {
  /// How storage rounds latents.
  package struct Rounding {
    /// The latent of a module as storage keeps it, at a level of coarseness.
    let roundTrip: (Int, Matrix<Float>, Int) throws(Fault) -> Matrix<Float>
    /// The level for a run whose latents are these; nil for 0.
    let settle: (([Matrix<Float>]) throws(Fault) -> Int)?

    /// Rounding by `roundTrip`, as coarsely as `settle` finds.
    package init(
      settle: (([Matrix<Float>]) throws(Fault) -> Int)? = nil,
      roundTrip: @escaping (Int, Matrix<Float>, Int) throws(Fault) -> Matrix<Float>
    ) {
      self.settle = settle
      self.roundTrip = roundTrip
    }
  }

  package let name = "latents"
  package let values: [Matrix<Float>]
  private let rounding: Rounding?
  private let masks: [Matrix<Float>]?

  /// Training of `latents`, one a module.
  ///
  /// - Parameter masks: Multiplied into gradients: where one is 0 nothing is trained.
  package init(
    _ latents: [Matrix<Float>], rounding: Rounding? = nil, masks: [Matrix<Float>]? = nil
  ) {
    values = latents
    self.rounding = rounding
    self.masks = masks
  }

  package func roundingLevel(of values: [Matrix<Float>]) throws(Fault) -> Int? {
    guard let settle = rounding?.settle else { return nil }
    return try settle(values)
  }

  package func inForce(
    _ values: [Matrix<Float>], roundedAt level: Int?
  ) throws(Fault) -> [Matrix<Float>] {
    guard let level, let rounding else { return values }
    return try values.indices.map { (index) throws(Fault) in
      try rounding.roundTrip(index, values[index], level)
    }
  }

  package func apply(_ inForce: [Matrix<Float>], to student: StudentModel) {
    student.latents = inForce
  }

  package func gradients(of pass: StudentGradients) -> [Matrix<Float>] { pass.latents }

  package func pullBack(
    _ gradients: [Matrix<Float>], values: [Matrix<Float>], inForce: [Matrix<Float>]
  ) -> [Matrix<Float>] {
    guard let masks else { return gradients }
    return zip(gradients, masks).map { gradient, mask in
      Matrix(
        rows: gradient.rows, columns: gradient.columns,
        elements: zip(gradient.elements, mask.elements).map(*))
    }
  }
}

/// Latents in whitened coordinates: `M = L · M̃ · R`, of which M̃ is moved.
package struct WhitenedTraining: Trainable {
  package let name = "whitened_latents"
  private let latents: LatentTraining
  private let coordinates: [ModuleCoordinates]

  /// The same latents in `coordinates`, one a module.
  package init(_ latents: LatentTraining, coordinates: [ModuleCoordinates]) {
    precondition(latents.values.count == coordinates.count)
    self.latents = latents
    self.coordinates = coordinates
  }

  package var values: [Matrix<Float>] {
    zip(latents.values, coordinates).map { $1.coordinates($0) }
  }

  /// M from M̃, and `∂L/∂M̃ = L · ∂L/∂M · R`, for the factors are symmetric.
  private func mapped(_ matrices: [Matrix<Float>]) -> [Matrix<Float>] {
    zip(matrices, coordinates).map { $1.latent($0) }
  }

  package func roundingLevel(of values: [Matrix<Float>]) throws(Fault) -> Int? {
    try latents.roundingLevel(of: mapped(values))
  }

  package func inForce(
    _ values: [Matrix<Float>], roundedAt level: Int?
  ) throws(Fault) -> [Matrix<Float>] {
    try latents.inForce(mapped(values), roundedAt: level)
  }

  package func apply(_ inForce: [Matrix<Float>], to student: StudentModel) {
    latents.apply(inForce, to: student)
  }

  package func gradients(of pass: StudentGradients) -> [Matrix<Float>] {
    latents.gradients(of: pass)
  }

  package func pullBack(
    _ gradients: [Matrix<Float>], values: [Matrix<Float>], inForce: [Matrix<Float>]
  ) -> [Matrix<Float>] {
    mapped(latents.pullBack(gradients, values: values, inForce: inForce))
  }
}
