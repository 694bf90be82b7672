import Checkpoints
import Threads

/// RMSNorm of queries and keys before they turn: of each head, or of all heads of a token together.
///
/// Rows `[N, width]` are those of the product that gives queries, keys and values. `inverse` `[N, parts]` keeps
/// `1/√(mean(x²) + ε)` of every normed part. Formulas: ``RMSNorm``.
struct HeadNorm {
  let shape: Block.Attention
  let query: NormWeights
  let key: NormWeights

  /// Normed parts of one row.
  static func partCount(_ shape: Block.Attention) -> Int {
    switch shape.headNorm {
    case .head: shape.headCount + shape.keyValueHeadCount
    case .projection: 2
    case nil: 0
    }
  }

  /// First column and weights of every part.
  private var parts: [(column: Int, norm: NormWeights)] {
    let columns = shape.columns
    let isWhole = shape.headNorm == .projection
    return (0..<(isWhole ? 1 : shape.headCount)).map { (columns.query($0), query) }
      + (0..<(isWhole ? 1 : shape.keyValueHeadCount)).map { (columns.key($0), key) }
  }

  /// Norms the parts of `rows` in place.
  func forward(
    _ rows: UnsafeMutablePointer<Float>, tokens: Int, inverse: UnsafeMutablePointer<Float>
  ) {
    let (parts, width) = (parts, shape.columns.width)
    shareOut(tokens, grain: rowGrain(width), over: (rows, inverse)) { range, memory in
      let (rows, inverse) = memory
      for token in range {
        for (index, part) in parts.enumerated() {
          let x = rows + token * width + part.column
          let (size, weight) = (part.norm.size, part.norm.weight.pointer)
          let mean = dot(x, x, count: size) / Float(size)
          let scale = 1 / (mean + Float(part.norm.shape.epsilon)).squareRoot()
          inverse[token * parts.count + index] = scale
          for index in 0..<size { x[index] = x[index] * scale * weight[index] }
        }
      }
    }
  }

  /// Turns the gradient of the normed parts `[N, width]` into that of `raw`, in place.
  func backward(
    _ raw: UnsafePointer<Float>, inverse: UnsafePointer<Float>,
    gradient: UnsafeMutablePointer<Float>, tokens: Int
  ) {
    let (parts, width) = (parts, shape.columns.width)
    shareOut(tokens, grain: rowGrain(width), over: (raw, inverse, gradient)) { range, memory in
      let (raw, inverse, gradient) = memory
      for token in range {
        for (index, part) in parts.enumerated() {
          let x = raw + token * width + part.column
          let d = gradient + token * width + part.column
          let (size, weight) = (part.norm.size, part.norm.weight.pointer)
          let scale = inverse[token * parts.count + index]
          var projection: Float = 0
          for index in 0..<size {
            d[index] *= weight[index]
            projection += d[index] * x[index]
          }
          let correction = scale * scale * scale * projection / Float(size)
          for index in 0..<size { d[index] = scale * d[index] - x[index] * correction }
        }
      }
    }
  }
}
