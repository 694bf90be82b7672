import Checkpoints
public import Evaluation
public import Models
public import Tensors

/// The teacher's final hidden states at the completion positions of training examples, computed once each.
///
/// With the shared output head they define the teacher's logits exactly in `d` numbers a position, so that a
/// second epoch costs no teacher pass and nothing is truncated.
public final class TeacherStates {
  private let teacher: Decoder
  private let examples: [TokenizedExample]
  private var states: [[Float]?]

  /// States of `examples` under `teacher`.
  public init(teacher: Decoder, examples: [TokenizedExample]) {
    self.teacher = teacher
    self.examples = examples
    states = Array(repeating: nil, count: examples.count)
  }

  /// The states of the examples at `indices`, one after another, `[P, d]`.
  public func hidden(_ indices: [Int]) -> Matrix<Float> {
    let missing = indices.filter { states[$0] == nil }
    if !missing.isEmpty {
      let batch = TokenBatch(examples: missing.map { examples[$0] })
      let hidden = teacher.forward(batch)
      for (index, range) in zip(missing, batch.lossRanges) {
        states[index] = Array(
          hidden.elements[range.lowerBound * hidden.columns..<range.upperBound * hidden.columns])
      }
    }
    let size = teacher.weights.configuration.hiddenSize
    let elements = indices.flatMap { states[$0] ?? [] }
    return Matrix(rows: elements.count / size, columns: size, elements: elements)
  }
}

extension TokenBatch {
  /// The right completions of `examples`, packed.
  init(examples: [TokenizedExample]) {
    self.init()
    for example in examples { append(prompt: example.prompt, completion: example.completion) }
  }
}
