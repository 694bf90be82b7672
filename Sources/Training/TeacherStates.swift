import Checkpoints
public import Evaluation
public import Models
public import Tensors

/// The teacher's final hidden states at the completion positions of training examples, computed once each.
///
/// With the shared output head they define the teacher's logits exactly in `d` numbers a position, so that a
/// second epoch costs no teacher pass and nothing is truncated.
public final class TeacherStates {
  private let teacher: DecoderPool
  private let examples: [TokenizedExample]
  private var states: [[Float]?]

  /// States of `examples` under `teacher`.
  public init(teacher: DecoderPool, examples: [TokenizedExample]) {
    self.teacher = teacher
    self.examples = examples
    states = Array(repeating: nil, count: examples.count)
  }

  /// The states of the examples at `indices`, one after another, `[P, d]`.
  public func hidden(_ indices: [Int]) -> Matrix<Float> {
    let missing = indices.filter { states[$0] == nil }
    if !missing.isEmpty {
      let groups = examples.groups(missing, count: teacher.threads)
      let found = teacher.map(groups.count) { [examples] group, decoder in
        let batch = TokenBatch(examples: groups[group].map { examples[$0] })
        return (batch.lossRanges, decoder.forward(batch))
      }
      for (group, (ranges, hidden)) in zip(groups, found) {
        let size = hidden.columns
        for (index, range) in zip(group, ranges) {
          states[index] = Array(
            hidden.elements[range.lowerBound * size..<range.upperBound * size])
        }
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
