/// What one position's logits say: the numbers of ``OutputHead/Scores``, plain so that threads may write them side by side.
struct PositionScore: BitwiseCopyable {
  var negativeLogLikelihood = 0.0
  var prediction: Int32 = 0
  var divergence = 0.0
  var teacherPrediction: Int32 = 0

  /// Nothing measured yet.
  init() {}

  /// Logits `[V]` against the token that came, and against the teacher's logits `[V]` where there are any.
  init(
    _ logits: UnsafePointer<Float>, target: Int, teacher: UnsafePointer<Float>?, vocabulary: Int
  ) {
    let row = LogitRow(logits, count: vocabulary)
    negativeLogLikelihood = row.logSum - Double(logits[target])
    prediction = Int32(row.best)
    guard let teacher else { return }
    let teacherRow = LogitRow(teacher, count: vocabulary)
    divergence = LogitRow.divergence(teacher, teacherRow, from: logits, row, count: vocabulary)
    teacherPrediction = Int32(teacherRow.best)
  }
}
