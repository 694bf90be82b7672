import Checkpoints
import LinearAlgebra
import Threads

/// Grouped-query attention over packed sequences of unequal length, causal or not.
///
/// Legend: `L` tokens of one sequence, `D` head dimension, `H` query heads, `K` key-value heads, group
/// `H/K`, α the scale. `qkv` `[N, (H+2K)·D]` holds each token's queries, keys and values, already rotated; probabilities
/// `P = softmax(α·Q·Kᵀ)` are kept for the backward pass as `[H, L, L]` per sequence, one sequence after
/// another. A task is one key-value head of one sequence: all its writes are its own.
struct Attention {
  let shape: Block.Attention
  private let columns: HeadColumns

  init(_ shape: Block.Attention) {
    self.shape = shape
    columns = shape.columns
  }

  private var headCount: Int { shape.headCount }
  private var headDimension: Int { shape.headDimension }
  private var stride: Int { columns.width }
  private var group: Int { headCount / shape.keyValueHeadCount }
  private var scale: Float { Float(shape.scale) }
  private var cap: Float? { shape.cap.map { Float($0) } }

  /// Elements of the probabilities of all sequences: `H·Σ L²`.
  func probabilityCount(_ batch: TokenBatch) -> Int {
    headCount * batch.sequences.reduce(0) { $0 + $1.count * $1.count }
  }

  /// Where each sequence's probabilities begin.
  private func probabilityOffsets(_ batch: TokenBatch) -> [Int] {
    var offsets: [Int] = []
    var next = 0
    for sequence in batch.sequences {
      offsets.append(next)
      next += headCount * sequence.count * sequence.count
    }
    return offsets
  }

  /// `output` `[N, H·D]` = P·V per head.
  func forward(
    _ qkv: UnsafePointer<Float>, batch: TokenBatch, probabilities: UnsafeMutablePointer<Float>,
    into output: UnsafeMutablePointer<Float>
  ) {
    let offsets = probabilityOffsets(batch)
    eachHead(batch, over: (qkv, probabilities, output)) { index, keyValueHead, memory in
      let (qkv, all, output) = memory
      let sequence = batch.sequences[index]
      let length = sequence.count
      let row = qkv + sequence.lowerBound * stride
      let key = row + columns.key(keyValueHead)
      let value = row + columns.value(keyValueHead)
      for member in 0..<group {
        let head = keyValueHead * group + member
        let probability = all + offsets[index] + head * length * length
        BLAS.gemm(
          transposeB: true, rows: length, columns: length, inner: headDimension, alpha: scale,
          row + columns.query(head), strideA: stride, key, strideB: stride, probability)
        if let cap { SoftCap.forward(probability, count: length * length, cap: cap) }
        if let branches = batch.branches[index] {
          branchedSoftmax(probability, length: length, branches)
        } else {
          maskedSoftmax(probability, 0..<length, length: length) {
            shape.keys(of: $0, length: length)
          }
        }
        BLAS.gemm(
          rows: length, columns: headDimension, inner: length, probability, value, strideB: stride,
          output + sequence.lowerBound * headCount * headDimension + head * headDimension,
          strideC: headCount * headDimension)
      }
    }
  }

  /// Writes ∂L/∂(q, k, v) `[N, (H+2K)·D]` for ∂L/∂output `[N, H·D]`:
  /// `dV = Σ Pᵀ·dO`, `dP = dO·Vᵀ`, `dS = P ∘ (dP − rowsum(P ∘ dP))`, `dQ = α·dS·K`,
  /// `dK = α·Σ dSᵀ·Q`, sums over the group's query heads; with a cap dS is multiplied by its slope, for which the scores
  /// are computed again.
  func backward(
    _ qkv: UnsafePointer<Float>, batch: TokenBatch, probabilities: UnsafePointer<Float>,
    dOutput: UnsafePointer<Float>, into dQKV: UnsafeMutablePointer<Float>
  ) {
    let offsets = probabilityOffsets(batch)
    eachHead(batch, over: (qkv, probabilities, dOutput, dQKV)) { index, keyValueHead, memory in
      let (qkv, all, dOutput, dQKV) = memory
      let sequence = batch.sequences[index]
      let length = sequence.count
      let row = qkv + sequence.lowerBound * stride
      let (keyColumn, valueColumn) = (columns.key(keyValueHead), columns.value(keyValueHead))
      let dRow = dQKV + sequence.lowerBound * stride
      let outputStride = headCount * headDimension
      withUnsafeTemporaryAllocation(of: Float.self, capacity: length * length) { buffer in
        guard let dScore = buffer.baseAddress else { return }
        for member in 0..<group {
          let head = keyValueHead * group + member
          let probability = all + offsets[index] + head * length * length
          let dOut = dOutput + sequence.lowerBound * outputStride + head * headDimension
          let beta: Float = member == 0 ? 0 : 1
          BLAS.gemm(
            transposeA: true, rows: length, columns: headDimension, inner: length, probability,
            dOut, strideB: outputStride, beta: beta, dRow + valueColumn, strideC: stride)
          BLAS.gemm(
            transposeB: true, rows: length, columns: length, inner: headDimension, dOut,
            strideA: outputStride, row + valueColumn, strideB: stride, dScore)
          softmaxBackward(probability, dScore, length: length) {
            shape.keys(of: $0, length: length)
          }
          if let cap {
            withUnsafeTemporaryAllocation(of: Float.self, capacity: length * length) { buffer in
              guard let score = buffer.baseAddress else { return }
              BLAS.gemm(
                transposeB: true, rows: length, columns: length, inner: headDimension,
                alpha: scale, row + columns.query(head), strideA: stride, row + keyColumn,
                strideB: stride, score)
              SoftCap.forward(score, count: length * length, cap: cap)
              SoftCap.backward(score, count: length * length, cap: cap, gradient: dScore)
            }
          }
          BLAS.gemm(
            rows: length, columns: headDimension, inner: length, alpha: scale, dScore,
            row + keyColumn, strideB: stride, dRow + columns.query(head), strideC: stride)
          BLAS.gemm(
            transposeA: true, rows: length, columns: headDimension, inner: length, alpha: scale,
            dScore, row + columns.query(head), strideB: stride, beta: beta, dRow + keyColumn,
            strideC: stride)
        }
      }
    }
  }

  /// Row-wise softmax in place, where tokens of a branch see what stands before all of them, and their own branch.
  private func branchedSoftmax(
    _ scores: UnsafeMutablePointer<Float>, length: Int, _ branches: [Range<Int>]
  ) {
    let shared = branches.first?.lowerBound ?? length
    maskedSoftmax(scores, 0..<shared, length: length) { shape.keys(of: $0, length: length) }
    for branch in branches {
      for query in branch {
        let position = shared + query - branch.lowerBound
        let first = shape.keys(of: position, length: length).lowerBound
        let own = branch.lowerBound + max(0, first - shared)..<query + 1
        let row = scores + query * length
        // Own scores stand behind the shared ones for as long as they are one row.
        let seen = min(first, shared)
        (row + shared).update(from: row + own.lowerBound, count: own.count)
        softmax(row + seen, count: shared - seen + own.count)
        (row + own.lowerBound).update(from: row + shared, count: own.count)
        for range in [0..<seen, shared..<own.lowerBound, own.upperBound..<length] {
          (row + range.lowerBound).update(repeating: 0, count: range.count)
        }
      }
    }
  }

  private func eachHead<Memory: BitwiseCopyable>(
    _ batch: TokenBatch, over memory: Memory, _ body: @Sendable (Int, Int, Memory) -> Void
  ) {
    let heads = shape.keyValueHeadCount
    // Multiplications and additions of a task, on average; several short ones go together.
    let squares = batch.sequences.reduce(0) { $0 + $1.count * $1.count }
    let work = 4 * group * headDimension * squares / max(batch.sequences.count, 1)
    let grain = max(1, 1_000_000 / max(work, 1))
    shareOut(batch.sequences.count * heads, grain: grain, over: memory) { range, memory in
      for task in range { body(task / heads, task % heads, memory) }
    }
  }
}

/// Softmax of `count` scores, in place.
func softmax(_ row: UnsafeMutablePointer<Float>, count: Int) {
  var maximum = -Float.infinity
  for key in 0..<count { maximum = max(maximum, row[key]) }
  var sum: Float = 0
  var key = 0
  while key < count {
    if key + 8 <= count {
      let value = (UnsafePointer(row).lanes(key) - maximum).exponential
      row.setLanes(key, value)
      sum += value.sum()
      key += 8
    } else {
      let value = (Lanes(repeating: row[key]) - maximum).exponential[0]
      row[key] = value
      sum += value
      key += 1
    }
  }
  let inverse = 1 / sum
  for key in 0..<count { row[key] *= inverse }
}

extension Block.Attention {
  /// The tokens that token `query` of a sequence of `length` sees.
  @inline(__always)
  fileprivate func keys(of query: Int, length: Int) -> Range<Int> {
    mask == .full ? 0..<length : max(0, query + 1 - (window ?? length))..<query + 1
  }
}

/// Softmax in place of the rows of `queries`, of each over the `keys` that it sees; what is outside becomes 0, and with it its
/// part of the gradient.
@inline(__always)
private func maskedSoftmax(
  _ scores: UnsafeMutablePointer<Float>, _ queries: Range<Int>, length: Int,
  keys: (Int) -> Range<Int>
) {
  for query in queries {
    let row = scores + query * length
    let seen = keys(query)
    for key in 0..<seen.lowerBound { row[key] = 0 }
    softmax(row + seen.lowerBound, count: seen.count)
    for key in seen.upperBound..<length { row[key] = 0 }
  }
}

/// `dS = P ∘ (dP − Σ_j P_j·dP_j)`, over the keys up to the last one seen, in place on `dP`.
@inline(__always)
func softmaxBackward(
  _ probability: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>, length: Int,
  keys: (Int) -> Range<Int>
) {
  for query in 0..<length {
    let p = probability + query * length
    let d = gradient + query * length
    let end = keys(query).upperBound
    let mean = dot(p, d, count: end)
    for key in 0..<end { d[key] = p[key] * (d[key] - mean) }
    for key in end..<length { d[key] = 0 }
  }
}
