import Threads

/// Layer normalisation: `y = w ∘ (x − μ)·s + b` with μ the mean of a row and `s = 1/√(var + ε)`.
///
/// Shapes: `x`, `y` `[N, d]`, `w`, `b` `[d]`. Source: Ba et al., "Layer Normalization", 2016; the variance is that of
/// the row, without correction, as in PyTorch.
enum LayerNorm {
  /// Writes `y` and keeps `s` of every token in `inverse` `[N]`.
  static func forward(
    _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?,
    epsilon: Float, tokens: Int, size: Int, into y: UnsafeMutablePointer<Float>,
    inverse: UnsafeMutablePointer<Float>
  ) {
    shareOut(tokens, grain: rowGrain(size), over: (x, weight, bias, y, inverse)) { range, memory in
      let (x, weight, bias, y, inverse) = memory
      for token in range {
        let row = x + token * size
        let out = y + token * size
        let mean = self.mean(row, size)
        for index in 0..<size { out[index] = row[index] - mean }
        let scale = 1 / (dot(out, out, count: size) / Float(size) + epsilon).squareRoot()
        inverse[token] = scale
        for index in 0..<size { out[index] *= scale * weight[index] }
        if let bias {
          for index in 0..<size { out[index] += bias[index] }
        }
      }
    }
  }

  /// Adds ∂L/∂x to `dx`: with `h = w ∘ dy` and `n = (x − μ)·s`, `dx += s·(h − mean(h) − n·mean(h ∘ n))`.
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
        let (mean, scale) = (self.mean(row, size), inverse[token])
        var (sums, products) = (Lanes.zero, Lanes.zero)
        var index = 0
        while index + 8 <= size {
          let h = weight.lanes(index) * gradient.lanes(index)
          sums += h
          products += h * (row.lanes(index) - mean)
          index += 8
        }
        var (sum, product) = (sums.sum(), products.sum())
        while index < size {
          let h = weight[index] * gradient[index]
          sum += h
          product += h * (row[index] - mean)
          index += 1
        }
        let shift = sum / Float(size)
        let slope = scale * scale * product / Float(size)
        for index in 0..<size {
          let h = weight[index] * gradient[index]
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
