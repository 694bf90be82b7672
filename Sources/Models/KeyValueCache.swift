import Checkpoints
import LinearAlgebra
import Threads

/// Rotated keys and values of several growing sequences, for decoding one token at a time.
///
/// Legend: `S` sequences, `C` capacity in tokens, `D` head dimension, `H`/`K` query and key-value heads. A block's
/// keys and values lie as `[S, C, K·D]` each.
final class KeyValueCache {
  /// Tokens of each sequence so far, `[S]`.
  private(set) var lengths: [Int]
  private let shapes: [Block.Attention]
  private let columns: [HeadColumns]
  private let capacity: Int
  private let keys: [FloatBuffer]
  private let values: [FloatBuffer]
  private let scores: FloatBuffer

  /// An empty cache for `sequences` sequences of at most `capacity` tokens.
  init(_ blocks: [Block], sequences: Int, capacity: Int) {
    shapes = blocks.map(\.attention)
    columns = shapes.map(\.columns)
    self.capacity = capacity
    lengths = Array(repeating: 0, count: sequences)
    let counts = shapes.map { sequences * capacity * $0.keyValueWidth }
    keys = counts.map { FloatBuffer(count: $0) }
    values = counts.map { FloatBuffer(count: $0) }
    scores = FloatBuffer(count: sequences * capacity)
  }

  /// Takes block `layer`'s rows of whole sequences, `firstSequence` and those behind it: of `qkv` `[N, (H+2K)·D]` those in the ranges
  /// of each, in their order.
  func fill(
    _ layer: Int, from qkv: UnsafePointer<Float>, rows: [[Range<Int>]], firstSequence: Int
  ) {
    let stride = columns[layer].width
    for (index, ranges) in rows.enumerated() {
      for (position, row) in ranges.joined().enumerated() {
        store(layer, qkv + row * stride, sequence: firstSequence + index, position: position)
      }
    }
  }

  /// Counts `tokens` more of each of `sequences`; their rows have been stored in every block.
  func advance(_ sequences: [Int], by tokens: [Int]) {
    for (sequence, count) in zip(sequences, tokens) { lengths[sequence] += count }
  }

  /// Stores one more row of each of `sequences` in block `layer` and writes its attention over what it sees of the sequence.
  ///
  /// `qkv` `[B, (H+2K)·D]`, `output` `[B, H·D]`, row `b` of sequence `sequences[b]`.
  func attend(
    _ layer: Int, _ qkv: UnsafePointer<Float>, sequences: [Int],
    into output: UnsafeMutablePointer<Float>
  ) {
    let (shape, columns) = (shapes[layer], columns[layer])
    for (row, sequence) in sequences.enumerated() {
      store(
        layer, qkv + row * columns.width, sequence: sequence, position: lengths[sequence])
    }
    let seen = sequences.map { sequence in
      let end = lengths[sequence] + 1
      return (start: sequence * capacity, keys: max(0, end - (shape.window ?? end))..<end)
    }
    let room = scores.count / max(lengths.count, 1)
    shareOut(
      sequences.count, grain: 1,
      over: (qkv, keys[layer].pointer, values[layer].pointer, scores.pointer, output)
    ) { rows, memory in
      let (qkv, keys, values, scores, output) = memory
      for row in rows {
        let start = (seen[row].start + seen[row].keys.lowerBound) * shape.keyValueWidth
        KeyValueCache.attend(
          shape, columns, query: qkv + row * columns.width, keys: keys + start,
          values: values + start, count: seen[row].keys.count, scores: scores + row * room,
          into: output + row * shape.queryWidth)
      }
    }
  }

  private func store(
    _ layer: Int, _ row: UnsafePointer<Float>, sequence: Int, position: Int
  ) {
    let (shape, columns, width) = (shapes[layer], columns[layer], shapes[layer].keyValueWidth)
    let offset = (sequence * capacity + position) * width
    for head in 0..<shape.keyValueHeadCount {
      let (place, size) = (offset + head * shape.headDimension, shape.headDimension)
      (keys[layer].pointer + place).update(from: row + columns.key(head), count: size)
      (values[layer].pointer + place).update(from: row + columns.value(head), count: size)
    }
  }

  /// softmax(α·q·Kᵀ)·V of one query row over `count` keys, head by head.
  private static func attend(
    _ shape: Block.Attention, _ columns: HeadColumns, query: UnsafePointer<Float>,
    keys: UnsafePointer<Float>, values: UnsafePointer<Float>, count: Int,
    scores: UnsafeMutablePointer<Float>, into output: UnsafeMutablePointer<Float>
  ) {
    let (width, dimension) = (shape.keyValueWidth, shape.headDimension)
    let group = shape.headCount / shape.keyValueHeadCount
    for head in 0..<shape.headCount {
      let place = head / group * dimension
      BLAS.gemv(
        rows: count, columns: dimension, alpha: Float(shape.scale), keys + place, stride: width,
        query + columns.query(head), scores)
      if let cap = shape.cap { SoftCap.forward(scores, count: count, cap: Float(cap)) }
      softmax(scores, count: count)
      BLAS.gemv(
        transposed: true, rows: count, columns: dimension, values + place, stride: width, scores,
        output + head * dimension)
    }
  }
}
