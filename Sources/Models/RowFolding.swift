import Tensors

/// How the tokens of calibration become rows of a bounded number: each row is the sum of a few tokens of one batch, each
/// with a random sign.
///
/// With `R = S X` for signs `S`, `E[RᵀR] = XᵀX`, since the products of different tokens cancel on average; a quadratic
/// form `vᵀRᵀRv` is off by `√(2/rows)` of itself at most (standard deviation; a count sketch, Charikar, Chen,
/// Farach-Colton 2002). With no more tokens than rows every token is a row of its own, and nothing is lost. Choosing
/// single tokens instead would miss the few that carry most of a gradient's moment.
///
/// A function of the batches and the seed alone. A row belongs to one batch, so that batches may come in any order.
package struct RowFolding: Sendable {
  /// Tokens of a row.
  package let tokensPerRow: Int
  /// The sign of every token, batch by batch.
  private let signs: [[Float]]

  /// - Parameters:
  ///   - batches: The number of tokens of each batch.
  ///   - rowLimit: The number of rows, up to a row a batch more.
  package init(batches: [Int], rowLimit: Int, seed: UInt64) {
    tokensPerRow = max(batches.reduce(0, +) - 1, 0) / rowLimit + 1
    signs = batches.enumerated().map { number, tokens in
      var generator = SeededGenerator(seed: seed, stream: 0x666f_6c64 + UInt64(number))
      return (0..<tokens).map { _ in generator.next() >> 63 == 0 ? 1 : -1 }
    }
  }

  /// Rows of a batch.
  package func rowCount(batch: Int) -> Int {
    (signs[batch].count + tokensPerRow - 1) / tokensPerRow
  }

  /// Rows of all batches.
  package var rowCount: Int { signs.indices.reduce(0) { $0 + rowCount(batch: $1) } }

  /// Tokens of all batches.
  var tokenCount: Int { signs.reduce(0) { $0 + $1.count } }

  /// The rows `[rowCount(batch:), features]` in BF16 of a batch's tokens `[tokens, features]`, which lie `stride` apart.
  ///
  /// Tokens of a row are as far apart as can be: neighbours are alike.
  package func rows(batch: Int, of x: UnsafePointer<Float>, features: Int, stride: Int) -> [UInt16]
  {
    let (count, signs) = (rowCount(batch: batch), signs[batch])
    var sum = [Float](repeating: 0, count: features)
    return [UInt16](unsafeUninitializedCapacity: count * features) { rows, initialized in
      sum.withUnsafeMutableBufferPointer { sum in
        for row in 0..<count {
          sum.update(repeating: 0)
          for token in Swift.stride(from: row, to: signs.count, by: count) {
            let (source, sign) = (x + token * stride, signs[token])
            for index in 0..<features { sum[index] += sign * source[index] }
          }
          let target = row * features
          for index in 0..<features { rows[target + index] = HalfPrecision.brain(sum[index]) }
        }
      }
      initialized = count * features
    }
  }
}
