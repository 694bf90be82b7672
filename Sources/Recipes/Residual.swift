extension Recipe {
  /// A remainder of the LoRA in few bits beside the latents: "LoRA-XS + residual".
  public struct Residual: Sendable, Hashable {
    /// How much of it.
    public enum Size: Sendable, Hashable, LosslessStringConvertible {
      /// This many pairs of vectors in every module.
      case pairs(Int)
      /// About this many bytes, where they hold the most.
      case bytes(Int)

      /// Pairs that a module may have.
      package static let pairCounts = 1...4096

      /// `2` for pairs, a size with its unit, such as `64KB`, for bytes; nil for anything else.
      public init?(_ text: String) {
        if let count = Int(text) {
          guard Size.pairCounts.contains(count), text.utf8.allSatisfy({ (48...57).contains($0) })
          else {
            return nil
          }
          self = .pairs(count)
        } else if let bytes = try? ByteSize.parse(text) {
          self = .bytes(bytes)
        } else {
          return nil
        }
      }

      /// `2` or `64000B`.
      public var description: String {
        switch self {
        case .pairs(let count): "\(count)"
        case .bytes(let bytes): "\(bytes)B"
        }
      }
    }

    /// How finely vectors are rounded at most.
    public enum Bits: String, Sendable, Hashable, CaseIterable {
      /// Codes in −31…31: finer ones would serve nothing.
      case int8
      /// Codes in −7…7.
      case int4
      /// Codes in −3…3.
      case int3
      /// Codes in −1…1.
      case int2

      /// The largest code in magnitude.
      package var largestCode: Int {
        switch self {
        case .int8: 31
        case .int4: 7
        case .int3: 3
        case .int2: 1
        }
      }
    }

    /// How much of it.
    public var size: Size
    /// How finely its vectors are rounded at most.
    public var bits: Bits

    /// A residual; a number of pairs is rounded to `int4` where nothing is said, a size divided as serves most.
    public init(size: Size, bits: Bits? = nil) {
      self.size = size
      if let bits {
        self.bits = bits
      } else if case .pairs = size {
        self.bits = .int4
      } else {
        self.bits = .int8
      }
    }
  }
}
