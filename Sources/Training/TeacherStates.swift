import Checkpoints
import Evaluation
import Faults
import Models
import Tensors

/// The teacher's final hidden states at the completion positions of training examples, computed once each.
///
/// With the shared output head they define the teacher's logits exactly in `d` numbers a position, so that a
/// second epoch costs no teacher pass and nothing is truncated. A product's last bits depend on the company a
/// row is in, so examples are computed in fixed chunks, whichever of them is asked for first: a resumed run
/// sees the same bits as an undisturbed one.
final class TeacherStates {
  private let teacher: DecoderPool
  private let examples: [TokenizedExample]
  private let store: TeacherStateStore?
  private var chunks: [[Int]] = []
  private var chunkOfExample: [Int] = []
  private var states: [[Float]?] = []

  /// States of `examples` under `teacher`, in chunks of `chunkSize` in file order.
  init(
    teacher: DecoderPool, examples: [TokenizedExample], chunkSize: Int, store: TeacherStateStore?
  ) {
    self.teacher = teacher
    self.examples = examples
    self.store = store
    arrange(Array(examples.indices), chunkSize: chunkSize)
  }

  /// Makes chunks of `chunkSize` out of `order`, a permutation of all examples; states computed in another
  /// arrangement are forgotten.
  func arrange(_ order: [Int], chunkSize: Int) {
    let wanted = stride(from: 0, to: order.count, by: chunkSize).map {
      Array(order[$0..<min($0 + chunkSize, order.count)])
    }
    guard wanted != chunks else { return }
    chunks = wanted
    states = Array(repeating: nil, count: examples.count)
    chunkOfExample = Array(repeating: 0, count: examples.count)
    for (index, chunk) in chunks.enumerated() {
      for example in chunk { chunkOfExample[example] = index }
    }
  }

  /// The states of the examples at `indices`, one after another, `[P, d]`.
  func hidden(_ indices: [Int]) throws(Fault) -> Matrix<Float> {
    for chunk in Set(indices.filter { states[$0] == nil }.map { chunkOfExample[$0] }).sorted() {
      try compute(chunks[chunk])
    }
    let size = teacher.weights.configuration.hiddenSize
    let elements = indices.flatMap { states[$0] ?? [] }
    return Matrix(rows: elements.count / size, columns: size, elements: elements)
  }

  private func compute(_ chunk: [Int]) throws(Fault) {
    let size = teacher.weights.configuration.hiddenSize
    let counts = chunk.map { examples[$0].completion.count * size }
    let key = store?.key(chunk.map { examples[$0] })
    if let store, let key, let values = store.cache.read(key, count: counts.reduce(0, +)) {
      var offset = 0
      for (index, count) in zip(chunk, counts) {
        states[index] = Array(values[offset..<offset + count])
        offset += count
      }
      return
    }
    let groups = examples.microBatches(chunk)
    let found = try teacher.map(groups.count) {
      [examples] (group, decoder) throws(Fault) in
      let batch = TokenBatch(examples: groups[group].map { examples[$0] })
      return (batch.lossRanges, try decoder.forward(batch))
    }
    for (group, (ranges, hidden)) in zip(groups, found) {
      for (index, range) in zip(group, ranges) {
        states[index] = Array(hidden.elements[range.lowerBound * size..<range.upperBound * size])
      }
    }
    if let store, let key { store.keep(chunk.flatMap { states[$0] ?? [] }, for: key) }
  }
}

extension TokenBatch {
  /// The right completions of `examples`, packed.
  init(examples: [TokenizedExample]) {
    self.init()
    for example in examples { append(prompt: example.prompt, completion: example.completion) }
  }
}
