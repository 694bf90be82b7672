import Checkpoints
import LinearAlgebra
import Tensors

/// Greedy decoding of one sequence with a key-value cache.
///
/// The prompt runs once through the packed forward pass, which leaves every block's rotated keys and
/// values on the tape; each later token costs one row per product.
public final class GreedyDecoder {
  private let decoder: Decoder
  private let head: OutputHead
  private var caches: [Cache] = []
  private var length = 0

  private struct Cache {
    /// Rotated keys, `[length, K·D]`.
    var keys: [Float] = []
    var values: [Float] = []
  }

  /// A decoder over `decoder`'s weights and updates.
  public init(_ decoder: Decoder) {
    self.decoder = decoder
    head = OutputHead(weights: decoder.weights, threads: decoder.threads)
  }

  /// Up to `limit` tokens after `prompt`, the lowest index on ties; stops after `stop` if it is given.
  ///
  /// An empty prompt gives an empty completion.
  public func complete(prompt: [Int32], limit: Int, stop: Int32? = nil) -> [Int32] {
    guard !prompt.isEmpty, limit > 0 else { return [] }
    var completion: [Int32] = []
    var hidden = prefill(prompt)
    while true {
      let scores = head.scores(hidden, targets: [0])
      guard let token = scores.predictions.last else { return completion }
      completion.append(token)
      if completion.count == limit || token == stop { return completion }
      hidden = decoder.step(token, position: length) { layer, query, key, value in
        append(layer, key: key, value: value)
        return attend(layer, query: query)
      }
      length += 1
    }
  }

  private func prefill(_ prompt: [Int32]) -> Matrix<Float> {
    var batch = TokenBatch()
    batch.append(prompt: prompt, completion: [0])
    let hidden = decoder.forward(batch, recording: true)
    caches = (0..<decoder.configuration.layerCount).map { layer in
      let (keys, values) = decoder.recordedKeysAndValues(layer: layer)
      return Cache(keys: keys, values: values)
    }
    length = prompt.count
    return hidden
  }

  private func append(_ layer: Int, key: [Float], value: [Float]) {
    caches[layer].keys += key
    caches[layer].values += value
  }

  /// Attention of one query row over the cache, `[H·D]`.
  private func attend(_ layer: Int, query: [Float]) -> [Float] {
    let configuration = decoder.configuration
    let dimension = configuration.headDimension
    let width = configuration.keyValueWidth
    let count = caches[layer].keys.count / width
    let scale = 1 / Float(dimension).squareRoot()
    var output = [Float](repeating: 0, count: configuration.queryWidth)
    for head in 0..<configuration.headCount {
      let group = head / (configuration.headCount / configuration.keyValueHeadCount)
      var scores = (0..<count).map { position in
        (0..<dimension).reduce(Float(0)) { sum, index in
          sum + query[head * dimension + index]
            * caches[layer].keys[position * width + group * dimension + index]
        } * scale
      }
      let maximum = scores.max() ?? 0
      scores = scores.map { (Lanes(repeating: $0) - maximum).exponential[0] }
      let sum = scores.reduce(0, +)
      for (position, score) in scores.enumerated() {
        for index in 0..<dimension {
          output[head * dimension + index] +=
            score / sum * caches[layer].values[position * width + group * dimension + index]
        }
      }
    }
    return output
  }
}
