import Checkpoints
public import Tensors
import Threads

extension OutputHead {
  /// Per-position measurements against targets and, if given, a teacher.
  public struct Scores: Sendable {
    /// `−ln p(target)`, natural logarithm over the full vocabulary, `[P]`.
    public var negativeLogLikelihoods: [Double] = []
    /// The most likely token, the lowest index on ties, `[P]`.
    public var predictions: [Int32] = []
    /// `KL(teacher ‖ student)`, `[P]`; empty without a teacher.
    public var divergences: [Double] = []
    /// The teacher's most likely token, `[P]`; empty without a teacher.
    public var teacherPredictions: [Int32] = []
    /// The numbers answered, `[P]`, by a head that answers with one; else empty.
    ///
    /// Squared differences from what was right and from the teacher's numbers stand for likelihoods and divergences then.
    public var numbers: [Double] = []
  }

  /// Scores `hidden` `[P, d]` against `targets` `[P]` and the teacher's hidden states `[P, d]`.
  ///
  /// - Parameters:
  ///   - values: The right numbers `[P]`, for a head that answers with one.
  ///   - teacherWeights: The teacher's, where its head is not this one.
  public func scores(
    _ hidden: Matrix<Float>, targets: [Int32], values: [Float] = [],
    teacher: Matrix<Float>? = nil, teacherWeights: DecoderWeights? = nil
  ) -> Scores {
    var scores = Scores()
    let vocabulary = self.vocabulary
    let answersNumbers = classes?.head.isRegression ?? false
    eachChunk(hidden, teacher: teacher, teacherWeights: teacherWeights) {
      rows, student, teacherLogits in
      guard !answersNumbers else {
        return scores.add(
          student, values: values[rows], teacher: teacherLogits.map { UnsafePointer($0) })
      }
      var measured = [PositionScore](repeating: PositionScore(), count: rows.count)
      measured.withUnsafeMutableBufferPointer { measured in
        shareOut(rows.count, grain: 1, over: (student, teacherLogits, measured)) { range, memory in
          let (student, teacherLogits, measured) = memory
          for local in range {
            measured[local] = PositionScore(
              student + local * vocabulary, target: Int(targets[rows.lowerBound + local]),
              teacher: teacherLogits.map { $0 + local * vocabulary }, vocabulary: vocabulary)
          }
        }
      }
      for position in measured {
        scores.negativeLogLikelihoods.append(position.negativeLogLikelihood)
        scores.predictions.append(position.prediction)
        guard teacherLogits != nil else { continue }
        scores.divergences.append(position.divergence)
        scores.teacherPredictions.append(position.teacherPrediction)
      }
    }
    return scores
  }
}

extension OutputHead.Scores {
  /// Adds numbers `z` that are answered where `values` are right, and where a teacher answers others.
  fileprivate mutating func add(
    _ z: UnsafePointer<Float>, values: ArraySlice<Float>, teacher: UnsafePointer<Float>?
  ) {
    for (index, value) in values.enumerated() {
      let number = Double(z[index])
      numbers.append(number)
      negativeLogLikelihoods.append((number - Double(value)) * (number - Double(value)))
      predictions.append(0)
      guard let teacher else { continue }
      divergences.append((number - Double(teacher[index])) * (number - Double(teacher[index])))
      teacherPredictions.append(0)
    }
  }
}
