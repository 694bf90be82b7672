import Checkpoints
import Evaluation
import Faults
import Files
import Models
import Ranks
import Tensors

/// The teacher's final hidden states at the completion positions of training examples, computed once each.
///
/// With the shared output head they define the teacher's logits exactly in `d` numbers a position, so that a
/// second epoch costs no teacher pass and nothing is truncated. A product's last bits depend on the company a
/// row is in, so examples are computed in fixed chunks, whichever of them is asked for first: a resumed run
/// sees the same bits as an undisturbed one.
public final class TeacherStates {
  private let teacher: DecoderPool
  private let examples: [TokenizedExample]
  private let store: TeacherStateStore?
  private let ranks: Ranks
  private var chunks: [[Int]] = []
  /// How many of the first chunks will be asked for, in order.
  private var wantedCount = 0
  private var chunkOfExample: [Int] = []
  private var states: [[Float]?] = []
  /// Chunks whose states are held, the longest held first.
  private var held: [Int] = []

  private let byteLimit: Int

  /// Bytes of states that are held at most, but for those of one request: more are read or computed again when they are asked for
  /// again.
  public static let mostBytes = 256 << 20

  /// States of `examples` under `teacher`, in chunks of `chunkSize` in file order.
  init(
    teacher: DecoderPool, examples: [TokenizedExample], chunkSize: Int, store: TeacherStateStore?,
    byteLimit: Int, ranks: Ranks
  ) {
    self.byteLimit = byteLimit
    self.teacher = teacher
    self.examples = examples
    self.store = store
    self.ranks = ranks
    arrange(Array(examples.indices), chunkSize: chunkSize)
  }

  /// Makes chunks of `chunkSize` out of `order`, a permutation of all examples, of which the first `wanted` will be asked for
  /// one after another (nil for all); states computed in another arrangement are forgotten.
  func arrange(_ order: [Int], chunkSize: Int, wanted count: Int? = nil) {
    let wanted = stride(from: 0, to: order.count, by: chunkSize).map {
      Array(order[$0..<min($0 + chunkSize, order.count)])
    }
    wantedCount = min(count ?? .max, wanted.count)
    guard wanted != chunks else { return }
    chunks = wanted
    states = Array(repeating: nil, count: examples.count)
    held = []
    chunkOfExample = Array(repeating: 0, count: examples.count)
    for (index, chunk) in chunks.enumerated() {
      for example in chunk { chunkOfExample[example] = index }
    }
  }

  /// The states of the examples at `indices`, one after another, `[P, d]`.
  func hidden(_ indices: [Int]) throws(Fault) -> Matrix<Float> {
    for chunk in Set(indices.map { chunkOfExample[$0] }).sorted() where isMissing(chunk) {
      let run = run(from: chunk)
      try compute(run)
      held += run
    }
    let size = teacher.weights.configuration.hiddenSize
    let elements = indices.flatMap { states[$0] ?? [] }
    forgetOldest()
    return Matrix(rows: elements.count / size, columns: size, elements: elements)
  }

  private func forgetOldest() {
    let limit = byteLimit / MemoryLayout<Float>.size
    var count = held.reduce(0) { $0 + valueCount(chunks[$1]) }
    while count > limit, held.count > 1 {
      let chunk = held.removeFirst()
      count -= valueCount(chunks[chunk])
      for example in chunks[chunk] { states[example] = nil }
    }
  }

  private func isMissing(_ chunk: Int) -> Bool { chunks[chunk].contains { states[$0] == nil } }

  /// Chunk `first` and missing ones behind it that will be asked for, as many as the teacher takes through a block together.
  private func run(from first: Int) -> [Int] {
    var (run, tokens) = ([first], tokenCount(first))
    for chunk in first + 1..<max(wantedCount, first + 1) where isMissing(chunk) {
      tokens += tokenCount(chunk)
      guard tokens <= DecoderPool.windowTokens else { break }
      run.append(chunk)
    }
    return run
  }

  private func tokenCount(_ chunk: Int) -> Int {
    chunks[chunk].reduce(0) { $0 + examples[$1].tokenCount }
  }

  /// A micro-batch of a chunk.
  private struct Part {
    let chunk: Int
    let examples: [Int]
    /// Its states, where its chunk was kept.
    let known: [Float]?
  }

  private func compute(_ run: [Int]) throws(Fault) {
    let parts = run.flatMap(parts)
    let values = try shared(parts)
    var new: [Int: [Float]] = [:]
    for (part, values) in zip(parts, values) {
      var offset = 0
      for example in part.examples {
        let count = valueCount([example])
        states[example] = Array(values[offset..<offset + count])
        offset += count
      }
      if part.known == nil { new[part.chunk, default: []] += values }
    }
    guard ranks.isFirst, let store else { return }
    for chunk in run {
      if let values = new[chunk] { store.keep(values, for: key(chunk, store)) }
    }
  }

  private func parts(_ chunk: Int) -> [Part] {
    let kept = store.flatMap {
      $0.cache.read(key(chunk, $0), count: valueCount(chunks[chunk]))
    }
    var start = 0
    return examples.microBatches(chunks[chunk]).map { group in
      let range = start..<start + valueCount(group)
      start = range.upperBound
      return Part(chunk: chunk, examples: group, known: kept.map { Array($0[range]) })
    }
  }

  private func key(_ chunk: Int, _ store: TeacherStateStore) -> SHA256Digest {
    store.key(chunks[chunk].map { examples[$0] })
  }

  /// Numbers in the states of the examples at `indices`.
  private func valueCount(_ indices: [Int]) -> Int {
    indices.reduce(0) { $0 + examples[$1].completion.count }
      * teacher.weights.configuration.hiddenSize
  }

  /// The states of every part.
  ///
  /// Ranks meet here whatever their caches have.
  private func shared(_ parts: [Part]) throws(Fault) -> [[Float]] {
    try ranks.share(parts.count) { (mine) throws(Fault) -> [FinalStates] in
      let batches = mine.filter { parts[$0].known == nil }.map { part in
        TokenBatch(examples: parts[part].examples.map { examples[$0] })
      }
      var computed = try teacher.forward(batches) { (_, _, hidden) throws(Fault) in
        FinalStates(values: hidden.elements)
      }[...]
      return mine.map { part in
        parts[part].known.map { FinalStates(values: $0) } ?? computed.removeFirst()
      }
    }.map(\.values)
  }
}

extension TokenBatch {
  /// The right completions of `examples`, or their whole texts, packed.
  init(examples: [TokenizedExample]) {
    self.init()
    for example in examples { append(example) }
  }
}
