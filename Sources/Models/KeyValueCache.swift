import Checkpoints
import LinearAlgebra

/// Rotated keys and values of several growing sequences, for decoding one token at a time.
///
/// Legend: `S` sequences, `C` capacity in tokens, `D` head dimension, `H`/`K` query and key-value heads. A block's
/// keys and values lie as `[S, C, K·D]` each.
final class KeyValueCache {
  /// Tokens of each sequence so far, `[S]`.
  private(set) var lengths: [Int]
  private let configuration: DecoderConfiguration
  private let capacity: Int
  private let keys: [FloatBuffer]
  private let values: [FloatBuffer]
  private let scores: FloatBuffer

  private var width: Int { configuration.keyValueWidth }
  private var stride: Int { configuration.queryWidth + 2 * configuration.keyValueWidth }
  private var group: Int { configuration.headCount / configuration.keyValueHeadCount }

  /// An empty cache for `sequences` sequences of at most `capacity` tokens.
  init(configuration: DecoderConfiguration, sequences: Int, capacity: Int) {
    self.configuration = configuration
    self.capacity = capacity
    lengths = Array(repeating: 0, count: sequences)
    let count = sequences * capacity * configuration.keyValueWidth
    keys = (0..<configuration.layerCount).map { _ in FloatBuffer(count: count) }
    values = (0..<configuration.layerCount).map { _ in FloatBuffer(count: count) }
    scores = FloatBuffer(
      count: capacity * configuration.headCount / configuration.keyValueHeadCount)
  }

  /// Takes block `layer`'s rows of whole sequences: `qkv` `[N, (H+2K)·D]`, sequence `s` at `ranges[s]`.
  func fill(_ layer: Int, from qkv: UnsafePointer<Float>, ranges: [Range<Int>]) {
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
    for (row, sequence) in sequences.enumerated() {
      let position = lengths[sequence]
      store(layer, qkv + row * stride, sequence: sequence, position: position)
      let first = max(0, position + 1 - (configuration.slidingWindow ?? position + 1))
      attend(
        layer, query: qkv + row * stride, sequence: sequence, keys: first..<position + 1,
        into: output + row * configuration.queryWidth)
    }
  }

  private func store(
    _ layer: Int, _ row: UnsafePointer<Float>, sequence: Int, position: Int
  ) {
    let offset = (sequence * capacity + position) * width
    let key = row + configuration.queryWidth
    (keys[layer].pointer + offset).update(from: key, count: width)
    (values[layer].pointer + offset).update(from: key + width, count: width)
  }

  /// softmax(q·Kᵀ/√D)·V of one query row, the heads of a group together.
  private func attend(
    _ layer: Int, query: UnsafePointer<Float>, sequence: Int, keys seen: Range<Int>,
    into output: UnsafeMutablePointer<Float>
  ) {
    let dimension = configuration.headDimension
    let start = (sequence * capacity + seen.lowerBound) * width
    let count = seen.count
    for head in 0..<configuration.keyValueHeadCount {
      let first = head * group * dimension
      BLAS.gemm(
        transposeB: true, rows: group, columns: count, inner: dimension,
        alpha: 1 / Float(dimension).squareRoot(), query + first,
        keys[layer].pointer + start + head * dimension, strideB: width, scores.pointer)
      for member in 0..<group { softmax(scores.pointer + member * count, count: count) }
      BLAS.gemm(
        rows: group, columns: dimension, inner: count, scores.pointer,
        values[layer].pointer + start + head * dimension, strideB: width, output + first)
    }
  }
}
