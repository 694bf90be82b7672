import Checkpoints
import LinearAlgebra

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
    scores = FloatBuffer(
      count: capacity * (shapes.map { $0.headCount / $0.keyValueHeadCount }.max() ?? 0))
  }

  /// Takes block `layer`'s rows of whole sequences: `qkv` `[N, (H+2K)·D]`, sequence `s` at `ranges[s]`.
  func fill(_ layer: Int, from qkv: UnsafePointer<Float>, ranges: [Range<Int>]) {
    let stride = columns[layer].width
    for (sequence, range) in ranges.enumerated() {
      for (position, row) in range.enumerated() {
        store(layer, qkv + row * stride, sequence: sequence, position: position)
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
    let (shape, stride) = (shapes[layer], columns[layer].width)
    for (row, sequence) in sequences.enumerated() {
      let position = lengths[sequence]
      store(layer, qkv + row * stride, sequence: sequence, position: position)
      let first = max(0, position + 1 - (shape.window ?? position + 1))
      attend(
        layer, query: qkv + row * stride, sequence: sequence, keys: first..<position + 1,
        into: output + row * shape.queryWidth)
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

  /// softmax(α·q·Kᵀ)·V of one query row, the heads of a group together.
  private func attend(
    _ layer: Int, query: UnsafePointer<Float>, sequence: Int, keys seen: Range<Int>,
    into output: UnsafeMutablePointer<Float>
  ) {
    let (shape, columns, width) = (shapes[layer], columns[layer], shapes[layer].keyValueWidth)
    let dimension = shape.headDimension
    let group = shape.headCount / shape.keyValueHeadCount
    let start = (sequence * capacity + seen.lowerBound) * width
    let count = seen.count
    // Query heads of a group follow one another, or are alone.
    for head in 0..<shape.keyValueHeadCount {
      let first = head * group
      BLAS.gemm(
        transposeB: true, rows: group, columns: count, inner: dimension,
        alpha: Float(shape.scale), query + columns.query(first),
        keys[layer].pointer + start + head * dimension, strideB: width, scores.pointer)
      if let cap = shape.cap {
        SoftCap.forward(scores.pointer, count: group * count, cap: Float(cap))
      }
      for member in 0..<group { softmax(scores.pointer + member * count, count: count) }
      BLAS.gemm(
        rows: group, columns: dimension, inner: count, scores.pointer,
        values[layer].pointer + start + head * dimension, strideB: width,
        output + first * dimension)
    }
  }
}
