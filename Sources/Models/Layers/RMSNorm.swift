import LinearAlgebra

/// Root-mean-square normalisation: `y = w ∘ x / √(mean(x²) + ε)`.
///
/// Shapes: `x`, `y` `[N, d]`, `w` `[d]`; `N` tokens, `d` hidden size. Source: Zhang and Sennrich, "Root
/// Mean Square Layer Normalization", 2019; ε inside the root as in Llama.
enum RMSNorm {
  /// Writes `y` and keeps `1/√(mean(x²) + ε)` of every token in `inverse` `[N]`.
  static func forward(
    _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, epsilon: Float, tokens: Int,
    size: Int, into y: UnsafeMutablePointer<Float>, inverse: UnsafeMutablePointer<Float>,
    threads: Int
  ) {
    let (x, weight, y, inverse) = (Shared(x), Shared(weight), Shared(y), Shared(inverse))
    parallelRanges(tokens, threads: threads, minimum: 64) { range in
      for token in range {
        let row = x.pointer + token * size
        let out = y.pointer + token * size
        let scale = 1 / (dot(row, row, count: size) / Float(size) + epsilon).squareRoot()
        inverse.pointer[token] = scale
        for index in 0..<size { out[index] = row[index] * scale * weight.pointer[index] }
      }
    }
  }

  /// Adds ∂L/∂x to `dx`: with `s = 1/√(mean(x²)+ε)` and `h = w ∘ dy`,
  /// `dx += s·h − x·s³·(h·x)/d`.
  static func backward(
    _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, inverse: UnsafePointer<Float>,
    dy: UnsafePointer<Float>, tokens: Int, size: Int, addingTo dx: UnsafeMutablePointer<Float>,
    threads: Int
  ) {
    let (x, weight, inverse) = (Shared(x), Shared(weight), Shared(inverse))
    let (dy, dx) = (Shared(dy), Shared(dx))
    parallelRanges(tokens, threads: threads, minimum: 64) { range in
      for token in range {
        let row = x.pointer + token * size
        let gradient = dy.pointer + token * size
        let out = dx.pointer + token * size
        let scale = inverse.pointer[token]
        var sum = Lanes.zero
        var index = 0
        while index + 8 <= size {
          sum += weight.pointer.lanes(index) * gradient.lanes(index) * row.lanes(index)
          index += 8
        }
        var projection = sum.sum()
        while index < size {
          projection += weight.pointer[index] * gradient[index] * row[index]
          index += 1
        }
        let correction = scale * scale * scale * projection / Float(size)
        for index in 0..<size {
          out[index] += scale * weight.pointer[index] * gradient[index] - row[index] * correction
        }
      }
    }
  }
}
