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
      let pass = Pass(prompts, from: first)
      let last = try decoder.forward(
        pass.batch,
        keep: { [cache, first] layer, qkv in
          cache.fill(layer, from: qkv, rows: pass.rows, firstSequence: first)
        })
      hidden = Matrix(
        rows: first + pass.rows.count, columns: hidden.columns,
        elements: hidden.elements + last.elements)
      first += pass.rows.count
    }
    cache.advance(Array(prompts.indices), by: prompts.map(\.count))
  }

  /// Prompts that run together, what several begin with once.
  private struct Pass {
    var batch = TokenBatch()
    /// Where the tokens of each prompt stand in the batch, in their order.
    var rows: [[Range<Int>]] = []

    init(_ prompts: [[Int32]], from first: Int) {
      var next = first
      while next < prompts.count, batch.tokens.count < CachedDecoder.passTokens {
        let start = batch.tokens.count
        let shared = SharedBeginning(from: next, limit: CachedDecoder.passTokens) {
          $0 < prompts.count ? SharedBeginning.Prompt(prompts[$0], continuations: [0]) : nil
        }
        guard let shared else {
          batch.append(prompt: prompts[next], completion: [0])
          rows.append([start..<batch.tokens.count])
          next += 1
          continue
        }
        let rests = shared.places.map { Array(prompts[$0].dropFirst(shared.length)) }
        batch.append(
          shared: Array(prompts[next].prefix(shared.length)),
          continuations: rests.map { TokenBatch.Continuation(prompt: $0, completion: [0]) })
        let beginning = start..<start + shared.length
        var end = beginning.upperBound
        for rest in rests {
          rows.append([beginning, end..<end + rest.count])
          end += rest.count
        }
        next = shared.places.upperBound
      }
    }
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
