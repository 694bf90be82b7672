import Artifacts
import Bases
import Foundation

/// What the parts of a file cost, before there is a file.
struct ByteModel {
  let storage: LatentStorage

  /// Bits of one number in the frame, measured on tuned latents of the demo base (`golden/recovery/NOTES.md`).
  var bitsPerNumber: Double {
    switch storage {
    case .f32: 30
    case .f16: 15
    case .bf16: 11.5
    case .int8: 8
    case .int4: 3.8
    case .int3: 2.8
    case .int2: 1.6
    }
  }

  /// A check, a probe, a byte of digest and a place in the table of ranks.
  private static let moduleBytes = 5.5
  private static let bitsPerScale = 6.5

  /// Bytes of a module `[outFeatures, inFeatures]` with `rank` chosen directions; 0 for rank 0.
  func bytes(of rank: LatentRank, outFeatures: Int, inFeatures: Int) -> Double {
    guard rank.output > 0, rank.input > 0 else { return 0 }
    let candidates = min(outFeatures, inFeatures)
    let indexBits =
      ByteModel.choiceBits(rank.output, of: candidates)
      + ByteModel.choiceBits(rank.input, of: candidates)
    return unlistedBytes(of: rank) + indexBits / 8
  }

  /// Bytes of a module with directions that need no list.
  func unlistedBytes(of rank: LatentRank) -> Double {
    let numberBits = Double(rank.output * rank.input) * bitsPerNumber
    let scaleBits = storage.isQuantised ? ByteModel.bitsPerScale * Double(rank.input) : 0
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
