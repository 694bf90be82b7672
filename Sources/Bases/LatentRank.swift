/// Numbers of output and input directions of a latent matrix: `16`, or `32x8` where they differ.
///
/// The paper's R is square. At equal numbers stored, more output than input directions recover more: an
/// update needs few directions of its input to be read well, but writes to many of its output.
public struct LatentRank: Sendable, Hashable, CustomStringConvertible, LosslessStringConvertible,
  ExpressibleByIntegerLiteral
{
  /// Output directions, the rows of a latent.
  public var output: Int
  /// Input directions, the columns of a latent.
  public var input: Int

  /// Different numbers of directions on the two sides.
  public init(output: Int, input: Int) {
    self.output = output
    self.input = input
  }

  /// The same number of directions on both sides.
  public init(_ rank: Int) {
    self.init(output: rank, input: rank)
  }

  /// A square rank.
  public init(integerLiteral value: Int) {
    self.init(value)
  }

  /// `16` or `32x8`, in digits, both at least 1 and at most a million, or `0`; nil for anything else.
  public init?(_ text: String) {
    let parts = text.split(separator: "x", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { part in
      part.utf8.allSatisfy { (48...57).contains($0) } ? Int(part) : nil
    }
    guard numbers.count == parts.count,
      numbers == [0] || numbers.allSatisfy({ (1...1_000_000).contains($0) })
    else { return nil }
    switch numbers.count {
    case 1: self.init(numbers[0])
    case 2: self.init(output: numbers[0], input: numbers[1])
    default: return nil
    }
  }

  /// `16` or `32x8`.
  public var description: String { isSquare ? "\(output)" : "\(output)x\(input)" }

  /// Whether both sides have the same number.
  public var isSquare: Bool { output == input }

  /// The square rank of about as many numbers: for bases that have no choice of sides.
  public var square: Int {
    var root = 1
    while (root + 1) * (root + 1) <= output * input { root += 1 }
    return root
  }

  /// The shape that recovered most of those measured at the numbers of a square rank: four times its output,
  /// a quarter of its input directions.
  public static func tall(_ square: Int) -> LatentRank {
    LatentRank(output: 4 * square, input: max(square / 4, 1))
  }

  /// The next rank to try where this one does not reach a target: half as many directions again.
  public var raised: LatentRank {
    LatentRank(output: output + max(output / 2, 1), input: input + max(input / 2, 1))
  }

  /// No more directions than a weight `[outFeatures, inFeatures]` has.
  public func clipped(outFeatures: Int, inFeatures: Int) -> LatentRank {
    let limit = min(outFeatures, inFeatures)
    return LatentRank(output: min(output, limit), input: min(input, limit))
  }
}
