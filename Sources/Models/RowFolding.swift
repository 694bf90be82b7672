import Tensors
import Threads

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

  /// Tokens of a batch.
  func tokenCount(batch: Int) -> Int { signs[batch].count }

  /// Rows of the batches before.
  func firstRow(batch: Int) -> Int { (0..<batch).reduce(0) { $0 + rowCount(batch: $1) } }

  /// The most rows of a batch that wait for later tokens, where it comes in parts.
  var mostWaitingRows: Int {
    tokensPerRow == 1 ? 0 : signs.indices.map { rowCount(batch: $0) }.max() ?? 0
  }

  /// The rows of a batch that its tokens `tokens` are in: they themselves, or where tokens share rows all of them.
  func rows(batch: Int, of tokens: Range<Int>) -> Range<Int> {
    tokensPerRow == 1 ? tokens : 0..<rowCount(batch: batch)
  }

  /// Whether nothing is missing in the rows of `tokens` once these and all before them are in.
  func isComplete(batch: Int, after tokens: Range<Int>) -> Bool {
    tokensPerRow == 1 || tokens.upperBound == signs[batch].count
  }

  /// Adds a batch's tokens `tokens`, `[tokens, features]` and `stride` apart, to the sums of ``rows(batch:of:)``,
  /// `[rows, features]`.
  ///
  /// Tokens of a row are as far apart as can be: neighbours are alike.
  ///
  /// - Parameters:
  ///   - places: Of which of the tokens there are rows, counted from the first; nil for all.
  ///   - begins: Whether the sums are memory that nothing was written to yet.
  func add(
    _ x: UnsafePointer<Float>, at places: ArraySlice<Int>? = nil, of tokens: Range<Int>,
    batch: Int, features: Int, stride: Int, begins: Bool, to sums: UnsafeMutablePointer<Float>
  ) {
    let (count, signs) = (rowCount(batch: batch), signs[batch])
    let rows = rows(batch: batch, of: tokens)
    let given = places?.count ?? tokens.count
    shareOut(features, grain: max(RowFolding.grain / max(given, 1), 16), over: (x, sums)) {
      columns, memory in
      let (x, sums) = memory
      if begins {
        for row in 0..<rows.count {
          (sums + row * features + columns.lowerBound).update(repeating: 0, count: columns.count)
        }
      }
      for row in 0..<given {
        let token = tokens.lowerBound + (places.map { $0[$0.startIndex + row] } ?? row)
        let (source, sign) = (x + row * stride, signs[token])
        let sum = sums + (token % count - rows.lowerBound) * features
        for index in columns { sum[index] += sign * source[index] }
      }
    }
  }

  /// Numbers that are worth a task of their own.
  private static let grain = 1 << 17

  /// `count` numbers in BF16.
  static func rounded(_ sums: UnsafePointer<Float>, count: Int) -> [UInt16] {
    [UInt16](unsafeUninitializedCapacity: count) { rows, initialized in
      if let target = rows.baseAddress {
        shareOut(count, grain: RowFolding.grain, over: (sums, target)) { range, memory in
          for index in range { memory.1[index] = HalfPrecision.brain(memory.0[index]) }
        }
      }
      initialized = count
    }
  }

  /// The rows `[rowCount(batch:), features]` in BF16 of a batch's tokens `[tokens, features]`, which lie `stride` apart.
  package func rows(batch: Int, of x: UnsafePointer<Float>, features: Int, stride: Int) -> [UInt16]
  {
    let sums = FloatBuffer(uninitialized: rowCount(batch: batch) * features)
    add(
      x, of: signs[batch].indices, batch: batch, features: features, stride: stride, begins: true,
      to: sums.pointer)
    return RowFolding.rounded(sums.pointer, count: sums.count)
  }
}
