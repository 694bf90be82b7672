import Foundation
import Threads

/// Rotary position embedding in the half-split layout of Hugging Face checkpoints.
///
/// Element `i < D/2` of a head is rotated with element `i + D/2`, D the dimensions that turn, by the angle `position·f_i`, `f` the
/// ``RotaryFrequencies``, and both are multiplied by their magnitude. Source: Su et al., "RoFormer", 2021; angles
/// are Float32 products as in Transformers, so that long contexts agree with it.
struct RotaryEmbedding {
  private let frequencies: RotaryFrequencies
  private var cosines: [Float] = []
  private var sines: [Float] = []
  private var positions = 0

  init(_ frequencies: RotaryFrequencies) {
    self.frequencies = frequencies
  }

  /// Extends the tables to `count` positions.
  mutating func prepare(positions count: Int) {
    guard count > positions else { return }
    for position in positions..<count {
      for frequency in frequencies.values {
        let angle = Float(position) * frequency
        cosines.append(Float(cos(Double(angle)) * frequencies.magnitude))
        sines.append(Float(sin(Double(angle)) * frequencies.magnitude))
      }
    }
    positions = count
  }

  /// Rotates the heads of every token that begin at `heads` in place; `inverse` applies the transpose, which is the
  /// backward pass.
  ///
  /// `x` `[N, stride]`; `positionOfToken` `[N]`.
  func rotate(
    _ x: UnsafeMutablePointer<Float>, stride: Int, heads: [Int], positionOfToken: [Int],
    inverse: Bool
  ) {
    let half = frequencies.values.count
    cosines.withUnsafeBufferPointer { cosines in
      sines.withUnsafeBufferPointer { sines in
        guard let cosines = cosines.baseAddress, let sines = sines.baseAddress else { return }
        shareOut(positionOfToken.count, grain: rowGrain(stride), over: (x, cosines, sines)) {
          range, memory in
          let (x, cosines, sines) = memory
          for token in range {
            let cosine = cosines + positionOfToken[token] * half
            let sine = sines + positionOfToken[token] * half
            for column in heads {
              let lower = x + token * stride + column
              let upper = lower + half
              for index in 0..<half {
                let (a, b) = (lower[index], upper[index])
                let s = inverse ? -sine[index] : sine[index]
                lower[index] = a * cosine[index] - b * s
                upper[index] = b * cosine[index] + a * s
              }
            }
          }
        }
      }
    }
  }
}
