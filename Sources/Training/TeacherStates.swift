import Checkpoints
import Evaluation
import Faults
import Models
import Ranks
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
  private let ranks: Ranks
  private var chunks: [[Int]] = []
  private var chunkOfExample: [Int] = []
  private var states: [[Float]?] = []

  /// States of `examples` under `teacher`, in chunks of `chunkSize` in file order.
  init(
    teacher: DecoderPool, examples: [TokenizedExample], chunkSize: Int, store: TeacherStateStore?,
    ranks: Ranks
  ) {
    self.teacher = teacher
    self.examples = examples
    self.store = store
    self.ranks = ranks
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
    let counts = chunk.map {
      examples[$0].completion.count * teacher.weights.configuration.hiddenSize
    }
    let key = store?.key(chunk.map { examples[$0] })
    let kept = key.flatMap { store?.cache.read($0, count: counts.reduce(0, +)) }
    // Ranks meet here whether their caches have the chunk or not.
    let values = try shared(examples.microBatches(chunk), kept)
    var offset = 0
    for (index, count) in zip(chunk, counts) {
      states[index] = Array(values[offset..<offset + count])
      offset += count
    }
    if kept == nil, ranks.isFirst, let store, let key { store.keep(values, for: key) }
  }

  /// The states of the examples of `groups`, one after another; from `kept`, where this rank has all of them.
  private func shared(_ groups: [[Int]], _ kept: [Float]?) throws(Fault) -> [Float] {
    if ranks.count == 1, let kept { return kept }
    let size = teacher.weights.configuration.hiddenSize
    var ranges: [Range<Int>] = []
    for group in groups {
      let start = ranges.last?.upperBound ?? 0
      ranges.append(
        start..<start + group.reduce(0) { $0 + examples[$1].completion.count * size })
    }
    return try ranks.share(groups.count) { (mine) throws(Fault) -> [FinalStates] in
      if let kept { return mine.map { FinalStates(values: Array(kept[ranges[$0]])) } }
      return try teacher.map(mine.count) { [examples] (place, decoder) throws(Fault) in
        let batch = TokenBatch(examples: groups[mine[place]].map { examples[$0] })
        return FinalStates(values: try decoder.forward(batch).elements)
      }
    }.flatMap(\.values)
  }
}

extension TokenBatch {
  /// The right completions of `examples`, packed.
  init(examples: [TokenizedExample]) {
    self.init()
    for example in examples { append(prompt: example.prompt, completion: example.completion) }
  }
}
