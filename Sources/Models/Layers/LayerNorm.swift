import LinearAlgebra

/// Layer normalisation: `y = w ∘ (x − μ)·s + b` with μ the mean of a row and `s = 1/√(var + ε)`.
///
/// Shapes: `x`, `y` `[N, d]`, `w`, `b` `[d]`. Source: Ba et al., "Layer Normalization", 2016; the variance is that of
/// the row, without correction, as in PyTorch.
enum LayerNorm {
  /// Writes `y` and keeps `s` of every token in `inverse` `[N]`.
  static func forward(
    _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?,
    epsilon: Float, tokens: Int, size: Int, into y: UnsafeMutablePointer<Float>,
    inverse: UnsafeMutablePointer<Float>, threads: Int
  ) {
    let (x, weight, bias) = (Shared(x), Shared(weight), Shared(bias))
    let (y, inverse) = (Shared(y), Shared(inverse))
    parallelRanges(tokens, threads: threads, minimum: 64) { range in
      for token in range {
        let row = x.pointer + token * size
        let out = y.pointer + token * size
        let mean = self.mean(row, size)
        for index in 0..<size { out[index] = row[index] - mean }
        let scale = 1 / (dot(out, out, count: size) / Float(size) + epsilon).squareRoot()
        inverse.pointer[token] = scale
        for index in 0..<size { out[index] *= scale * weight.pointer[index] }
        if let bias = bias.pointer {
          for index in 0..<size { out[index] += bias[index] }
        }
      }
    }
  }

  /// Adds ∂L/∂x to `dx`: with `h = w ∘ dy` and `n = (x − μ)·s`, `dx += s·(h − mean(h) − n·mean(h ∘ n))`.
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
        let (mean, scale) = (self.mean(row, size), inverse.pointer[token])
        var (sums, products) = (Lanes.zero, Lanes.zero)
        var index = 0
        while index + 8 <= size {
          let h = weight.pointer.lanes(index) * gradient.lanes(index)
          sums += h
          products += h * (row.lanes(index) - mean)
          index += 8
        }
        var (sum, product) = (sums.sum(), products.sum())
        while index < size {
          let h = weight.pointer[index] * gradient[index]
          sum += h
          product += h * (row[index] - mean)
          index += 1
        }
        let shift = sum / Float(size)
        let slope = scale * scale * product / Float(size)
        for index in 0..<size {
          let h = weight.pointer[index] * gradient[index]
          out[index] += scale * (h - shift - (row[index] - mean) * slope)
        }
      }
    }
  }

  @inline(__always)
  private static func mean(_ row: UnsafePointer<Float>, _ size: Int) -> Float {
    var sums = Lanes.zero
    var index = 0
    while index + 8 <= size {
      sums += row.lanes(index)
      index += 8
    }
    var sum = sums.sum()
    while index < size {
      sum += row[index]
      index += 1
    }
    return sum / Float(size)
  }
}
