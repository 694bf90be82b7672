import Foundation

/// The softmax of one row of logits: `p_v = exp(z_v − logSum)`.
///
/// Sums over the vocabulary run in eight Float32 lanes for 512 elements at a time and in Float64 across
/// these blocks, so that 50,000 terms lose no digits.
struct LogitRow {
  /// `ln Σ exp(z)`.
  let logSum: Double
  /// Index of the largest logit, the lowest on ties.
  let best: Int
  private let maximum: Float

  init(_ logits: UnsafePointer<Float>, count: Int) {
    var maximum = -Float.infinity
    var best = 0
    for index in 0..<count where logits[index] > maximum {
      maximum = logits[index]
      best = index
    }
    self.best = best
    self.maximum = maximum
    let limit = maximum
    let sum = LogitRow.blockedSum(count) { index in
      (logits.lanes(index) - limit).exponential
    } tail: { index in
      (Lanes(repeating: logits[index]) - limit).exponential[0]
    }
    logSum = Double(maximum) + log(sum)
  }

  @inline(__always)
  private static func blockedSum(
    _ count: Int, _ lanes: (Int) -> Lanes, tail: (Int) -> Float
  ) -> Double {
    var total = 0.0
    var index = 0
    while index + 8 <= count {
      var sum = Lanes.zero
      let end = min(index + 512, count)
      while index + 8 <= end {
        sum += lanes(index)
        index += 8
      }
      total += Double(sum.sum())
    }
    while index < count {
      total += Double(tail(index))
      index += 1
    }
    return total
  }

  /// `KL(teacher ‖ student) = Σ p_t·((z_t − logSum_t) − (z_s − logSum_s))`.
  static func divergence(
    _ teacher: UnsafePointer<Float>, _ teacherRow: LogitRow, from student: UnsafePointer<Float>,
    _ studentRow: LogitRow, count: Int
  ) -> Double {
    let teacherSum = Float(teacherRow.logSum)
    let shift = Float(teacherRow.logSum - studentRow.logSum)
    return blockedSum(count) { index in
      let z = teacher.lanes(index)
      return (z - teacherSum).exponential * (z - student.lanes(index) - shift)
    } tail: { index in
      let z = teacher[index]
      return (Lanes(repeating: z) - teacherSum).exponential[0] * (z - student[index] - shift)
    }
  }

  /// The index at which the cumulative probability passes `uniform` in [0, 1).
  func sample(_ logits: UnsafePointer<Float>, count: Int, at uniform: Double) -> Int {
    var cumulative = 0.0
    for index in 0..<count {
      cumulative += exp(Double(logits[index]) - logSum)
      if cumulative > uniform { return index }
    }
    return best
  }

  /// The same among the fewest most likely indices whose probabilities sum to `topP` (nucleus sampling, Holtzman et
  /// al., arXiv 1904.09751); the lowest index first on ties.
  func sample(
    _ logits: UnsafePointer<Float>, count: Int, topP: Double, at uniform: Double
  ) -> Int {
    guard topP < 1 else { return sample(logits, count: count, at: uniform) }
    var nucleus: [(index: Int, probability: Double)] = []
    // Few tokens hold most of the probability: only those within a growing distance of the best are looked at.
    var distance: Float = 4
    var mass = 0.0
    repeat {
      nucleus.removeAll(keepingCapacity: true)
      for index in 0..<count where logits[index] >= maximum - distance {
        nucleus.append((index, exp(Double(logits[index]) - logSum)))
      }
      mass = nucleus.reduce(0) { $0 + $1.probability }
      distance *= 2
    } while mass < topP && nucleus.count < count
    nucleus.sort { ($0.probability, $1.index) > ($1.probability, $0.index) }
    var (kept, end) = (0.0, 0)
    while end < nucleus.count, kept < topP {
      kept += nucleus[end].probability
      end += 1
    }
    var cumulative = 0.0
    for (index, probability) in nucleus[..<end] {
      cumulative += probability
      if cumulative > uniform * kept { return index }
    }
    return best
  }

  /// Turns logits into `∂L/∂z` in place and returns the position's loss; see ``OutputHead/loss(_:targets:teacher:objective:)``.
  static func gradient(
    _ student: UnsafeMutablePointer<Float>, teacher: UnsafePointer<Float>?, target: Int,
    objective: OutputHead.Objective, scale: Double, count: Int
  ) -> Double {
    let row = LogitRow(student, count: count)
    var loss = objective.crossEntropy * (row.logSum - Double(student[target]))
    let teacherRow = teacher.map { LogitRow($0, count: count) }
    if let teacher, let teacherRow {
      loss +=
        objective.distillation * divergence(teacher, teacherRow, from: student, row, count: count)
    }
    let distillation = teacher == nil ? 0 : objective.distillation
    let own = Float(scale * (objective.crossEntropy + distillation))
    let others = Float(scale * distillation)
    let (logSum, teacherSum) = (Float(row.logSum), Float(teacherRow?.logSum ?? 0))
    var index = 0
    while index < count {
      let full = index + 8 <= count
      let z = full ? student.lanes(index) : Lanes(repeating: student[index])
      var value = (z - logSum).exponential * own
      if let teacher {
        let t = full ? teacher.lanes(index) : Lanes(repeating: teacher[index])
        value -= (t - teacherSum).exponential * others
      }
      if full {
        student.setLanes(index, value)
        index += 8
      } else {
        student[index] = value[0]
        index += 1
      }
    }
    student[target] -= Float(scale * objective.crossEntropy)
    return loss
  }
}
