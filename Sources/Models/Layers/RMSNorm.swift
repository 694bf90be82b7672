import Threads

/// Root-mean-square normalisation: `y = w ∘ x / √(mean(x²) + ε)`.
///
/// Shapes: `x`, `y` `[N, d]`, `w` `[d]`; `N` tokens, `d` hidden size. Source: Zhang and Sennrich, "Root
/// Mean Square Layer Normalization", 2019; ε inside the root as in Llama.
enum RMSNorm {
  /// Writes `y` and keeps `1/√(mean(x²) + ε)` of every token in `inverse` `[N]`.
  static func forward(
    _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, epsilon: Float, tokens: Int,
    size: Int, into y: UnsafeMutablePointer<Float>, inverse: UnsafeMutablePointer<Float>
  ) {
    shareOut(tokens, grain: rowGrain(size), over: (x, weight, y, inverse)) { range, memory in
      let (x, weight, y, inverse) = memory
      for token in range {
        let row = x + token * size
        let out = y + token * size
        let scale = 1 / (dot(row, row, count: size) / Float(size) + epsilon).squareRoot()
        inverse[token] = scale
        for index in 0..<size { out[index] = row[index] * scale * weight[index] }
      }
    }
  }

  /// Adds ∂L/∂x to `dx`: with `s = 1/√(mean(x²)+ε)` and `h = w ∘ dy`,
  /// `dx += s·h − x·s³·(h·x)/d`.
  static func backward(
    _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, inverse: UnsafePointer<Float>,
    dy: UnsafePointer<Float>, tokens: Int, size: Int, addingTo dx: UnsafeMutablePointer<Float>
  ) {
    shareOut(tokens, grain: rowGrain(size), over: (x, weight, inverse, dy, dx)) { range, memory in
      let (x, weight, inverse, dy, dx) = memory
      for token in range {
        let row = x + token * size
        let gradient = dy + token * size
        let out = dx + token * size
        let scale = inverse[token]
        var sum = Lanes.zero
        var index = 0
        while index + 8 <= size {
          sum += weight.lanes(index) * gradient.lanes(index) * row.lanes(index)
          index += 8
        }
        var projection = sum.sum()
        while index < size {
          projection += weight[index] * gradient[index] * row[index]
          index += 1
        }
        let correction = scale * scale * scale * projection / Float(size)
        for index in 0..<size {
          out[index] += scale * weight[index] * gradient[index] - row[index] * correction
        }
      }
    }
  }
}
