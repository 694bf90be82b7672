import Checkpoints
import LinearAlgebra
import Threads

/// Attention of packed sequences over all their tokens, whose scores have a part from the distance of two tokens.
///
/// Legend: `L` tokens of a sequence, `R` distances, `D` head dimension, `H` heads, α the scale, t(i − j) the row of a distance.
/// `qkv` `[N + R, 3·H·D]` holds the queries `Q`, keys `K` and values `V` of all tokens, and behind them the queries `Q'` and keys
/// `K'` that the same projections make of the distances' embeddings. Probabilities are kept as those of ``Attention``.
///
///     S[i, j] = α·(Q_i·K_j + Q_i·K'_t(i−j) + K_j·Q'_t(i−j))      P = softmax(S)      output = P·V
///
/// Source: He et al., arXiv 2006.03654, equation 4, with queries and keys of distances by the projections of the tokens.
struct DisentangledAttention {
  let shape: Block.Attention
  let distances: DistanceRows
  private let columns: HeadColumns

  init(_ shape: Block.Attention, distances: DistanceRows) {
    self.shape = shape
    self.distances = distances
    columns = shape.columns
  }

  private var stride: Int { columns.width }
  private var size: Int { shape.headDimension }
  private var scale: Float { Float(shape.scale) }

  private typealias Row = UnsafePointer<Float>
  private typealias Target = UnsafeMutablePointer<Float>

  /// Where each sequence's probabilities begin.
  private func offsets(_ batch: TokenBatch) -> [Int] {
    var next = 0
    return batch.sequences.map { sequence in
      defer { next += shape.headCount * sequence.count * sequence.count }
      return next
    }
  }

  /// Writes the output `[N, H·D]`; a task is a head of a sequence.
  func forward(
    _ qkv: UnsafePointer<Float>, batch: TokenBatch, probabilities: UnsafeMutablePointer<Float>,
    into output: UnsafeMutablePointer<Float>
  ) {
    let (offsets, heads) = (offsets(batch), shape.headCount)
    let width = shape.queryWidth
    shareOut(
      batch.sequences.count * heads, grain: 1, over: (qkv, probabilities, output)
    ) { range, memory in
      let (qkv, all, output) = memory
      for task in range {
        let (sequence, head) = (batch.sequences[task / heads], task % heads)
        let length = sequence.count
        let score = all + offsets[task / heads] + head * length * length
        let row = qkv + sequence.lowerBound * stride
        scores(row, distances: qkv + batch.tokens.count * stride, head, length, into: score)
        for query in 0..<length { softmax(score + query * length, count: length) }
        BLAS.gemm(
          rows: length, columns: size, inner: length, score, row + columns.value(head),
          strideB: stride, output + sequence.lowerBound * width + head * size, strideC: width)
      }
    }
  }

  /// `S` `[L, L]` of a head.
  private func scores(
    _ row: UnsafePointer<Float>, distances far: UnsafePointer<Float>, _ head: Int, _ length: Int,
    into score: UnsafeMutablePointer<Float>
  ) {
    let (query, key) = (columns.query(head), columns.key(head))
    func product(_ a: Row, _ b: Row, _ count: Int, into c: Target) {
      BLAS.gemm(
        transposeB: true, rows: length, columns: count, inner: size, alpha: scale, a,
        strideA: stride, b, strideB: stride, c)
    }
    product(row + query, row + key, length, into: score)
    let places = distances.places(length: length)
    let (first, count) = (places.lowerBound, places.count)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * length * count) { buffer in
      guard let ofQueries = buffer.baseAddress else { return }
      let ofKeys = ofQueries + length * count
      product(row + query, far + first * stride + key, count, into: ofQueries)
      product(row + key, far + first * stride + query, count, into: ofKeys)
      distances.withPlaces { place in
        for i in 0..<length {
          for j in 0..<length {
            let t = Int(place[i - j]) - first
            score[i * length + j] += ofQueries[i * count + t] + ofKeys[j * count + t]
          }
        }
      }
    }
  }

  /// Writes ∂L/∂`qkv` `[N + R, 3·H·D]` for ∂L/∂output `[N, H·D]`; that of distances' values is zero.
  ///
  /// With `dS = P ∘ (dP − rowsum(P ∘ dP))`, `dP = dO·Vᵀ`, and sums of it over what has one distance, `A[i, t] = Σ dS[i, j]` and
  /// `B[j, t] = Σ dS[i, j]` over t(i − j) = t:
  ///
  ///     dV = Pᵀ·dO      dQ = α·(dS·K + A·K')      dK = α·(dSᵀ·Q + B·Q')      dK' = α·Aᵀ·Q      dQ' = α·Bᵀ·K
  ///
  /// A task is a head of all sequences, which add to the same distances.
  func backward(
    _ qkv: UnsafePointer<Float>, batch: TokenBatch, probabilities: UnsafePointer<Float>,
    dOutput: UnsafePointer<Float>, into dQKV: UnsafeMutablePointer<Float>
  ) {
    let (offsets, tokens) = (offsets(batch), batch.tokens.count)
    (dQKV + tokens * stride).update(repeating: 0, count: distances.count * stride)
    shareOut(shape.headCount, grain: 1, over: (qkv, probabilities, dOutput, dQKV)) {
      range, memory in
      let (qkv, all, dOutput, dQKV) = memory
      for head in range {
        for (sequence, offset) in zip(batch.sequences, offsets) {
          let length = sequence.count
          backward(
            head, length, qkv + sequence.lowerBound * stride, far: qkv + tokens * stride,
            all + offset + head * length * length,
            dOutput + sequence.lowerBound * shape.queryWidth + head * size,
            into: dQKV + sequence.lowerBound * stride, far: dQKV + tokens * stride)
        }
      }
    }
  }

  private func backward(
    _ head: Int, _ length: Int, _ row: UnsafePointer<Float>, far: UnsafePointer<Float>,
    _ probability: UnsafePointer<Float>, _ dOut: UnsafePointer<Float>,
    into dRow: UnsafeMutablePointer<Float>, far dFar: UnsafeMutablePointer<Float>
  ) {
    let (query, key, value) = (columns.query(head), columns.key(head), columns.value(head))
    let places = distances.places(length: length)
    let (first, count) = (places.lowerBound, places.count)
    let (far, dFar) = (far + first * stride, dFar + first * stride)
    /// `c` = or += α·`a`·`b`, or α·`a`ᵀ·`b` with `rows` the columns of `a`.
    func product(
      _ a: Row, isTransposed: Bool = false, rows: Int, inner: Int, _ b: Row, adding: Bool,
      to c: Target
    ) {
      BLAS.gemm(
        transposeA: isTransposed, rows: rows, columns: size, inner: inner, alpha: scale, a, b,
        strideB: stride, beta: adding ? 1 : 0, c, strideC: stride)
    }
    BLAS.gemm(
      transposeA: true, rows: length, columns: size, inner: length, probability, dOut,
      strideB: shape.queryWidth, dRow + value, strideC: stride)
    let capacity = length * (length + 2 * count)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: capacity) { buffer in
      guard let dScore = buffer.baseAddress else { return }
      let ofQueries = dScore + length * length
      let ofKeys = ofQueries + length * count
      BLAS.gemm(
        transposeB: true, rows: length, columns: length, inner: size, dOut,
        strideA: shape.queryWidth, row + value, strideB: stride, dScore)
      softmaxBackward(probability, dScore, length: length) { _ in 0..<length }
      ofQueries.update(repeating: 0, count: 2 * length * count)
      distances.withPlaces { place in
        for i in 0..<length {
          for j in 0..<length {
            let t = Int(place[i - j]) - first
            ofQueries[i * count + t] += dScore[i * length + j]
            ofKeys[j * count + t] += dScore[i * length + j]
          }
        }
      }
      product(dScore, rows: length, inner: length, row + key, adding: false, to: dRow + query)
      product(ofQueries, rows: length, inner: count, far + key, adding: true, to: dRow + query)
      product(
        dScore, isTransposed: true, rows: length, inner: length, row + query, adding: false,
        to: dRow + key)
      product(ofKeys, rows: length, inner: count, far + query, adding: true, to: dRow + key)
      product(
        ofQueries, isTransposed: true, rows: count, inner: length, row + query, adding: true,
        to: dFar + key)
      product(
        ofKeys, isTransposed: true, rows: count, inner: length, row + key, adding: true,
        to: dFar + query)
    }
  }
}
