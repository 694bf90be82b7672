package import Checkpoints
package import Faults
package import Tensors

/// Both factors of updates `ΔW = O · Iᵀ`, trained from nothing by the numbers that they are made of: those of LoRA or of VeRA.
///
/// Between the factors stands the identity, which is not trained. Every module has two matrices of numbers, for O and for I.
package struct FactorTraining: Trainable {
  /// What the numbers of a module make.
  package enum Form: Sendable {
    /// LoRA (Hu et al., arXiv 2106.09685): O = B `[outFeatures, rank]` and I = Aᵀ `[inFeatures, rank]` themselves.
    case pair
    /// VeRA (Kopiczko et al., arXiv 2310.11454, §3.2): `O = diag(b) · P` and `I = Q · diag(d)` of b `[outFeatures, 1]` and d
    /// `[rank, 1]`; P and Q are the first rows of frozen matrices that all modules share.
    case scaled(output: Matrix<Float>, input: Matrix<Float>)
  }

  package let name = "factors"
  package let values: [Matrix<Float>]
  /// What the numbers make.
  package let form: Form
  /// What O and I of every module are made of, where that is frozen; empty where it is not.
  private let frozen: [Matrix<Float>]
  private let roundTrip: (@Sendable (Matrix<Float>) throws(Fault) -> Matrix<Float>)?

  /// Training of `values`, two matrices for each of `modules`.
  ///
  /// - Parameter roundTrip: A matrix of numbers as storage keeps it; nil where the last steps round nothing.
  package init(
    _ form: Form, values: [Matrix<Float>], modules: [LinearModule],
    roundTrip: (@Sendable (Matrix<Float>) throws(Fault) -> Matrix<Float>)? = nil
  ) {
    precondition(values.count == 2 * modules.count)
    self.form = form
    self.values = values
    self.roundTrip = roundTrip
    switch form {
    case .pair: frozen = []
    case .scaled(let output, let input):
      frozen = modules.flatMap { module in
        [(output, module.outFeatures), (input, module.inFeatures)].map { shared, rows in
          Matrix(
            rows: rows, columns: shared.columns,
            elements: Array(shared.elements.prefix(rows * shared.columns)))
        }
      }
    }
  }

  package var movesFactors: Bool { true }

  /// The numbers that were best in a run; nil of a run that trained something else.
  package func best(in state: TuningState) -> [Matrix<Float>]? { state[name]?.best }

  /// O and I of every module, made of `values`.
  package func factors(_ values: [Matrix<Float>]) -> [Matrix<Float>] {
    guard !frozen.isEmpty else { return values }
    return zip(frozen, values).enumerated().map { place, pair in
      let (frozen, numbers) = pair
      var result = frozen
      result.elements.withUnsafeMutableBufferPointer { result in
        FactorTraining.each(of: frozen, isOutput(place)) { element, number in
          result[element] *= numbers.elements[number]
        }
      }
      return result
    }
  }

  package func inForce(
    _ values: [Matrix<Float>], roundedAt level: Int?
  ) throws(Fault) -> [Matrix<Float>] {
    guard level != nil, let roundTrip else { return factors(values) }
    return factors(try values.map(roundTrip))
  }

  package func apply(_ inForce: [Matrix<Float>], to student: StudentModel) {
    for index in student.modules.indices {
      student.setResidual(index, output: inForce[2 * index], input: inForce[2 * index + 1])
    }
  }

  package func gradients(of pass: StudentGradients) -> [Matrix<Float>] { pass.vectors }

  /// Of LoRA the gradients as they are; of VeRA `∂L/∂bᵢ = Σⱼ (∂L/∂O)ᵢⱼ Pᵢⱼ` and `∂L/∂dⱼ = Σᵢ (∂L/∂I)ᵢⱼ Qᵢⱼ`.
  package func pullBack(
    _ gradients: [Matrix<Float>], values: [Matrix<Float>], inForce: [Matrix<Float>]
  ) -> [Matrix<Float>] {
    guard !frozen.isEmpty else { return gradients }
    return frozen.indices.map { place in
      var result = Matrix<Float>(rows: values[place].rows, columns: 1)
      let (frozen, gradient) = (frozen[place], gradients[place])
      result.elements.withUnsafeMutableBufferPointer { result in
        FactorTraining.each(of: frozen, isOutput(place)) { element, number in
          result[number] += gradient.elements[element] * frozen.elements[element]
        }
      }
      return result
    }
  }

  private func isOutput(_ place: Int) -> Bool { place.isMultiple(of: 2) }

  /// Every element of `matrix` with the number that scales it: one for each row of O, one for each column of I.
  @inline(__always)
  private static func each(
    of matrix: Matrix<Float>, _ isOutput: Bool, _ body: (_ element: Int, _ number: Int) -> Void
  ) {
    var element = 0
    for row in 0..<matrix.rows {
      for column in 0..<matrix.columns {
        body(element, isOutput ? row : column)
        element += 1
      }
    }
  }
}

// MARK: - Starts

extension FactorTraining {
  /// The start of LoRA in PEFT: A uniform within `±1/√inFeatures`, B zero.
  package static func lora(
    _ modules: [LinearModule], rank: Int, seed: UInt64
  ) -> (form: Form, values: [Matrix<Float>]) {
    var generator = SeededGenerator(seed: seed, stream: stream)
    return (
      .pair,
      modules.flatMap { module in
        [
          Matrix(rows: module.outFeatures, columns: rank),
          uniform(
            module.inFeatures, rank, within: (1 / Double(module.inFeatures)).squareRoot(),
            &generator),
        ]
      }
    )
  }

  /// The start of VeRA in PEFT: b zero, d 0.1, and frozen numbers uniform within `±√(6/n)`, n being the rank for P and the inputs
  /// of the widest module for Q.
  package static func vera(
    _ modules: [LinearModule], rank: Int, seed: UInt64
  ) -> (form: Form, values: [Matrix<Float>]) {
    var generator = SeededGenerator(seed: seed, stream: stream)
    let outputs = modules.map(\.outFeatures).max() ?? 0
    let inputs = modules.map(\.inFeatures).max() ?? 0
    let input = uniform(inputs, rank, within: (6 / Double(max(inputs, 1))).squareRoot(), &generator)
    let output = uniform(outputs, rank, within: (6 / Double(max(rank, 1))).squareRoot(), &generator)
    return (
      .scaled(output: output, input: input),
      modules.flatMap { module in
        [
          Matrix(rows: module.outFeatures, columns: 1),
          Matrix(rows: rank, columns: 1, elements: Array(repeating: 0.1, count: rank)),
        ]
      }
    )
  }

  /// Keeps these draws apart from other uses of the same seed.
  private static var stream: UInt64 { 0x6661_6374 }

  private static func uniform(
    _ rows: Int, _ columns: Int, within bound: Double, _ generator: inout SeededGenerator
  ) -> Matrix<Float> {
    Matrix(
      rows: rows, columns: columns,
      elements: (0..<rows * columns).map { _ in Float(bound * (2 * generator.uniform() - 1)) })
  }
}
