import Checkpoints
import Faults
import Tensors

/// Decodes several sequences together with a key-value cache.
///
/// The prompts run once through the packed forward pass, some at a time, and every block's rotated keys and values are
/// kept; each later token of a sequence costs one row of every product.
final class CachedDecoder {
  private let decoder: Decoder
  private let cache: KeyValueCache

  /// The final-normed hidden states at the prompts' last tokens, `[S, d]`.
  private(set) var hidden: Matrix<Float>

  /// Tokens after which prompts wait for the next pass: more in a pass take more memory and no less time.
  private static let passTokens = 1024

  /// Runs `prompts` with room for `limit` more tokens of each.
  ///
  /// - Throws: 65 `DATA-TOKENS` for one without a token; what reading a block throws.
  init(_ decoder: Decoder, prompts: [[Int32]], limit: Int) throws(Fault) {
    guard prompts.allSatisfy({ !$0.isEmpty }) else {
      throw Fault(.badData, "DATA-TOKENS", "a prompt has no token: nothing comes after nothing")
    }
    self.decoder = decoder
    cache = KeyValueCache(
      decoder.weights.shapes, sequences: prompts.count,
      capacity: (prompts.map(\.count).max() ?? 0) + limit)
    hidden = Matrix(rows: 0, columns: decoder.configuration.hiddenSize)
    var first = 0
    while first < prompts.count {
      var batch = TokenBatch()
      var end = first
      while end < prompts.count, batch.tokens.count < CachedDecoder.passTokens {
        batch.append(prompt: prompts[end], completion: [0])
        end += 1
      }
      let last = try decoder.forward(
        batch,
        keep: { [cache] layer, qkv in
          cache.fill(layer, from: qkv, ranges: batch.sequences, firstSequence: first)
        })
      hidden = Matrix(
        rows: end, columns: hidden.columns, elements: hidden.elements + last.elements)
      first = end
    }
    cache.advance(Array(prompts.indices), by: prompts.map(\.count))
  }

  /// Feeds one more token to each of `sequences` and returns their final-normed hidden states, `[B, d]`.
  func feed(_ tokens: [Int32], to sequences: [Int]) throws(Fault) -> Matrix<Float> {
    let next = try decoder.step(tokens, positions: sequences.map { cache.lengths[$0] }) {
      [cache] layer, qkv, output in
      cache.attend(layer, qkv, sequences: sequences, into: output)
    }
    cache.advance(sequences, by: tokens.map { _ in 1 })
    return next
  }

  /// Goes on with every sequence: with the tokens that `next` makes of hidden states `[B, d]`, until `ends` says of a
  /// sequence and its tokens that it is at its end, or it has as many as `limits` allow, at least one.
  ///
  /// - Returns: The tokens of each, the last one included.
  /// - Throws: what reading a block throws, where the weights are streamed.
  func write(
    limits: [Int], next: (_ hidden: Matrix<Float>, _ sequences: [Int]) -> [Int32],
    ends: (_ sequence: Int, _ tokens: [Int32]) -> Bool
  ) throws(Fault) -> [[Int32]] {
    var results: [[Int32]] = limits.map { _ in [] }
    var open = Array(limits.indices)
    var hidden = hidden
    while true {
      var (going, fed): ([Int], [Int32]) = ([], [])
      for (sequence, token) in zip(open, next(hidden, open)) {
        results[sequence].append(token)
        guard results[sequence].count < limits[sequence], !ends(sequence, results[sequence]) else {
          continue
        }
        going.append(sequence)
        fed.append(token)
      }
      guard !going.isEmpty else { return results }
      open = going
      hidden = try feed(fed, to: going)
    }
  }
}
