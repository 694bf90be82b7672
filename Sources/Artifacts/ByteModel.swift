import Foundation

/// What the parts of a file cost, before there is a file.
public struct ByteModel: Sendable {
  /// Where numbers come from: what compresses better costs less.
  public enum Numbers: Sendable {
    /// A projection as it is.
    case projected
    /// What tuning came to.
    case tuned
  }

  private let storage: LatentStorage
  private let numbers: Numbers

  /// The costs of latents in `storage`.
  public init(storage: LatentStorage, numbers: Numbers) {
    self.storage = storage
    self.numbers = numbers
  }

  /// Bits of one number in the frame, measured on the demo adapters: tuned ones in `golden/recovery/NOTES.md`; projected
  /// ones of ranks 8, 16 and 32, whose files are met within 3%, within 6% for int4 and 9% for what is coarser.
  private var bitsPerNumber: Double {
    let bits: (projected: Double, tuned: Double) =
      switch storage {
      case .f32: (29.15, 30)
      case .f16: (14.17, 15)
      case .bf16: (11.42, 11.5)
      case .int8: (7.47, 8)
      case .int4: (2.76, 3.8)
      case .int3: (1.45, 2.8)
      case .int2: (0.71, 1.6)
      }
    return numbers == .projected ? bits.projected : bits.tuned
  }

  /// Header and metadata of a file in whose metadata nothing was measured or tuned.
  public static let headerBytes = 500.0
  /// A check, a probe, a byte of digest and a place in the table of ranks.
  private static let moduleBytes = 5.5
  private static let bitsPerScale = 6.5

  /// Bytes of a module `[outFeatures, inFeatures]` with a latent `[rows, columns]` of chosen directions; 0 without any.
  public func bytes(rows: Int, columns: Int, outFeatures: Int, inFeatures: Int) -> Double {
    guard rows > 0, columns > 0 else { return 0 }
    let candidates = min(outFeatures, inFeatures)
    let indexBits =
      ByteModel.choiceBits(rows, of: candidates) + ByteModel.choiceBits(columns, of: candidates)
    return unlistedBytes(rows: rows, columns: columns) + indexBits / 8
  }

  /// Bytes of a module with directions that need no list.
  public func unlistedBytes(rows: Int, columns: Int) -> Double {
    let numberBits = Double(rows * columns) * bitsPerNumber
    let scaleBits = storage.isQuantised ? ByteModel.bitsPerScale * Double(columns) : 0
    return (numberBits + scaleBits) / 8 + ByteModel.moduleBytes
  }

  /// `log₂ C(n, k)` and a little more: what a list of k ascending indices below n costs.
  private static func choiceBits(_ count: Int, of candidates: Int) -> Double {
    let n = Double(candidates)
    let k = Double(min(count, candidates))
    let nats = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
    return nats / log(2) * 1.03 + 2
  }
}
