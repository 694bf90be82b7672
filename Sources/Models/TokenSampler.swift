public import Faults
public import Tensors

/// Draws continuations of several prompts together from a decoder's own distribution (ancestral sampling).
public struct TokenSampler {
  private let decoder: Decoder
  private let options: SamplingOptions

  /// A sampler over `decoder`'s weights and updates.
  public init(_ decoder: Decoder, options: SamplingOptions) {
    self.decoder = decoder
    self.options = options
  }

  /// One prompt and how its continuation ends.
  public struct Request {
    /// What is continued; not empty.
    public var prompt: [Int32]
    /// At most so many tokens, at least 1.
    public var limit: Int
    /// Tokens after which it ends; they are part of it.
    public var stops: Set<Int32>
    /// The stream of its draws, one a token.
    public var generator: SeededGenerator

    /// A request.
    public init(prompt: [Int32], limit: Int, stops: Set<Int32>, generator: SeededGenerator) {
      self.prompt = prompt
      self.limit = limit
      self.stops = stops
      self.generator = generator
    }
  }

  /// The continuations, in the order of `requests`.
  ///
  /// A continuation depends on its own request, and by the last bits of products on the company it is in.
  ///
  /// - Throws: what reading a block throws, where the weights are streamed.
  public func continuations(_ requests: [Request]) throws(Fault) -> [[Int32]] {
    let limit = requests.map(\.limit).max() ?? 0
    guard limit > 0 else { return requests.map { _ in [] } }
    let sequences = try CachedDecoder(decoder, prompts: requests.map(\.prompt), limit: limit)
    var generators = requests.map(\.generator)
    return try sequences.write(
      limits: requests.map(\.limit),
      next: { hidden, open in
        decoder.head.samples(
          hidden, options: options, uniforms: open.map { generators[$0].uniform() })
      }, ends: { sequence, tokens in tokens.last.map(requests[sequence].stops.contains) ?? false })
  }
}
