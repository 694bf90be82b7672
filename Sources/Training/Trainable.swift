package import Faults
package import Tensors

/// Numbers that the optimiser moves: what they stand for in the model, and how gradients of that lead back to them.
///
/// Latents, latents in whitened coordinates, the vectors of a residual and a head are cases; whatever else trains is one more
/// type. State, checkpoints and the optimiser know nothing but names and numbers.
package protocol Trainable {
  /// Names the numbers in checkpoints and messages.
  var name: String { get }
  /// The numbers at the start.
  var values: [Matrix<Float>] { get }

  /// Whether columns of factors move, and not only what stands between them.
  var movesFactors: Bool { get }

  /// How coarsely what `values` stand for is rounded from here on, asked once when rounding begins; nil for numbers that
  /// rounding has nothing to do with.
  func roundingLevel(of values: [Matrix<Float>]) throws(Fault) -> Int?

  /// What `values` stand for in the model, as storage will round it at `level`; nil for as it is.
  func inForce(_ values: [Matrix<Float>], roundedAt level: Int?) throws(Fault) -> [Matrix<Float>]

  /// Puts what is in force into the model.
  func apply(_ inForce: [Matrix<Float>], to student: StudentModel)

  /// Its part of a backward pass: gradients of what is in force.
  func gradients(of pass: StudentGradients) -> [Matrix<Float>]

  /// The gradients of `values` from those of what is in force: `Jᵀ g`.
  func pullBack(
    _ gradients: [Matrix<Float>], values: [Matrix<Float>], inForce: [Matrix<Float>]
  ) -> [Matrix<Float>]
}

extension Trainable {
  /// Factors stay as they are.
  package var movesFactors: Bool { false }

  /// Rounding has nothing to do with it.
  package func roundingLevel(of values: [Matrix<Float>]) throws(Fault) -> Int? { nil }
}

/// What a backward pass through a student leaves: gradients of everything that can train.
package struct StudentGradients: Sendable {
  /// `∂L/∂M` of every module.
  package internal(set) var latents: [Matrix<Float>]
  /// Of a residual's vectors, output then input ones of every module that trains them.
  package internal(set) var vectors: [Matrix<Float>]

  /// Of the numbers of a head for classes that trains; else none.
  package internal(set) var head: [Matrix<Float>] = []

  /// Adds those of another part of the batch.
  mutating func add(_ other: StudentGradients) {
    for index in latents.indices { latents[index].add(other.latents[index]) }
    for index in vectors.indices { vectors[index].add(other.vectors[index]) }
    for index in head.indices { head[index].add(other.head[index]) }
  }
}

extension Matrix where Scalar == Float {
  /// Adds `other`, elementwise.
  fileprivate mutating func add(_ other: Matrix<Float>) {
    for index in elements.indices { elements[index] += other.elements[index] }
  }
}
