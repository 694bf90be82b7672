import Checkpoints
import LinearAlgebra
public import Tensors
import Threads

extension OutputHead {
  /// What a step minimises: `crossEntropy·mean(−ln p(target)) + distillation·mean(KL(teacher ‖ student))`; of a head that answers
  /// with a number `crossEntropy·mean((z − y)²) + distillation·mean((z − z_teacher)²)`.
  public struct Objective: Sendable, Hashable {
    /// Weight of the cross-entropy with the targets.
    public var crossEntropy: Double
    /// Weight of the divergence from the teacher.
    public var distillation: Double

    /// A mix of the two losses.
    public init(crossEntropy: Double, distillation: Double) {
      self.crossEntropy = crossEntropy
      self.distillation = distillation
    }
  }

  /// The loss and its gradient with respect to `hidden`, `[P, d]`; both are means over the positions.
  ///
  /// `∂L/∂z = (crossEntropy·(p − onehot) + distillation·(p − p_teacher)) / P`, `∂L/∂h = ∂L/∂z · E`; of numbers
  /// `∂L/∂z = 2·(crossEntropy·(z − y) + distillation·(z − z_teacher)) / P`.
  ///
  /// - Parameters:
  ///   - values: The right numbers `[P]`, for a head that answers with one.
  ///   - gradients: Gets the gradients of the head for classes, if given.
  public func loss(
    _ hidden: Matrix<Float>, targets: [Int32], values: [Float] = [], teacher: Matrix<Float>?,
    objective: Objective, gradients: ClassGradients? = nil
  ) -> (value: Double, gradient: Matrix<Float>) {
    var total = 0.0
    var gradient = Matrix<Float>(rows: hidden.rows, columns: hiddenSize)
    let scale = 1 / Double(max(hidden.rows, 1))
    let vocabulary = self.vocabulary
    let answersNumbers = classes?.head.isRegression ?? false
    eachChunk(hidden, teacher: objective.distillation == 0 ? nil : teacher) {
      rows, student, teacherLogits in
      if answersNumbers {
        for (index, value) in values[rows].enumerated() {
          total += OutputHead.gradient(
            student + index, value: value, teacher: teacherLogits.map { $0[index] },
            objective: objective, scale: scale)
        }
        return backproject(student, of: hidden, rows: rows, gradients, into: &gradient)
      }
      var losses = [Double](repeating: 0, count: rows.count)
      losses.withUnsafeMutableBufferPointer { losses in
        shareOut(rows.count, grain: 1, over: (student, teacherLogits, losses)) { range, memory in
          let (student, teacherLogits, losses) = memory
          for local in range {
            losses[local] = LogitRow.gradient(
              student + local * vocabulary, teacher: teacherLogits.map { $0 + local * vocabulary },
              target: Int(targets[rows.lowerBound + local]), objective: objective, scale: scale,
              count: vocabulary)
          }
        }
      }
      total += losses.reduce(0, +)
      backproject(student, of: hidden, rows: rows, gradients, into: &gradient)
    }
    return (total * scale, gradient)
  }

  /// Turns a number into `∂L/∂z` in place and returns its loss.
  private static func gradient(
    _ z: UnsafeMutablePointer<Float>, value: Float, teacher: Float?, objective: Objective,
    scale: Double
  ) -> Double {
    let error = Double(z.pointee) - Double(value)
    let distance = teacher.map { Double(z.pointee) - Double($0) } ?? 0
    z.pointee = Float(
      2 * scale * (objective.crossEntropy * error + objective.distillation * distance))
    return objective.crossEntropy * error * error + objective.distillation * distance * distance
  }

  /// The gradient of `−ln p(y)` with `y` drawn from the model's own distribution at every position, `[P, d]`:
  /// the sampled Fisher of METHOD §3.
  ///
  /// A number is drawn from the normal distribution of which the squared error is −ln p.
  public func sampledGradient(
    _ hidden: Matrix<Float>, generator: inout SeededGenerator
  ) -> Matrix<Float> {
    var gradient = Matrix<Float>(rows: hidden.rows, columns: hiddenSize)
    let vocabulary = self.vocabulary
    if classes?.head.isRegression ?? false {
      let draws = generator.normals(hidden.rows)
      eachChunk(hidden, teacher: nil) { rows, student, _ in
        // y = z + n/√2, so that 2·(z − y) = −√2·n.
        for row in rows { student[row - rows.lowerBound] = Float(-draws[row] * 2.0.squareRoot()) }
        backproject(student, of: hidden, rows: rows, nil, into: &gradient)
      }
      return gradient
    }
    let uniforms = (0..<hidden.rows).map { _ in generator.uniform() }
    eachChunk(hidden, teacher: nil) { rows, student, _ in
      shareOut(rows.count, grain: 1, over: student) { range, student in
        for local in range {
          let row = student + local * vocabulary
          let target = LogitRow(row, count: vocabulary).sample(
            row, count: vocabulary, at: uniforms[rows.lowerBound + local])
          _ = LogitRow.gradient(
            row, teacher: nil, target: target,
            objective: Objective(crossEntropy: 1, distillation: 0), scale: 1, count: vocabulary)
        }
      }
      backproject(student, of: hidden, rows: rows, nil, into: &gradient)
    }
    return gradient
  }

  /// Writes `∂L/∂h` of `rows` for the gradient of their logits, which is spent.
  private func backproject(
    _ logitGradient: UnsafeMutablePointer<Float>, of hidden: Matrix<Float>, rows: Range<Int>,
    _ gradients: ClassGradients?, into gradient: inout Matrix<Float>
  ) {
    let first = rows.lowerBound * hiddenSize
    if let classes {
      let room = pooledCount(rows.count)
      let (pooled, dPooled) = (
        scratch.buffer(.pooled, count: room), scratch.buffer(.dPooled, count: room)
      )
      hidden.elements.withUnsafeBufferPointer { source in
        gradient.elements.withUnsafeMutableBufferPointer { target in
          guard let source = source.baseAddress, let target = target.baseAddress else { return }
          classes.backward(
            source + first, dz: logitGradient, rows: rows.count, pooled: pooled, dPooled: dPooled,
            gradients: gradients, into: target + first)
        }
      }
      return
    }
    let count = rows.count * vocabulary
    if cap != nil {
      let slopes = scratch.buffer(.logitSlopes, count: count)
      for index in 0..<count { logitGradient[index] *= slopes[index] }
    }
    let divisor = Float(weights.configuration.logitDivisor)
    if divisor != 1 { for index in 0..<count { logitGradient[index] /= divisor } }
    gradient.elements.withUnsafeMutableBufferPointer { target in
      guard let target = target.baseAddress else { return }
      multiply(
        tokens, logitGradient, rows: rows.count, columns: vocabulary, .backward,
        into: target + first, stride: hiddenSize)
    }
  }
}
